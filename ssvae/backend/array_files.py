"""Files of named arrays: safetensors, written whole or not at all, with a checksum; nothing is ever unpickled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ssvae.atomic_files import write_bytes

CHECKSUM = "sha256"  # the note that holds it; safetensors has no checksum of its own


class ArrayFile(NamedTuple):
    """What a file holds."""

    arrays: dict[str, np.ndarray]
    notes: dict[str, str]  # what the arrays belong to, and their checksum


def write(path: Path, arrays: Mapping[str, ArrayLike], notes: Mapping[str, str]) -> None:
    """Write arrays by name, whole or not at all, with notes on what they belong to and a checksum of both."""
    contiguous = _contiguous(arrays)
    write_bytes(path, pack(contiguous, {**notes, CHECKSUM: _checksum(contiguous, notes)}))


def read(path: Path, checked: bool = True) -> ArrayFile:
    """Return what `write` wrote; unless `checked`, also a file that was written without a checksum.

    Raises
    ------
    ValueError
        If it is not such a file, or its checksum does not match.
    OSError
        If the file cannot be opened.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            notes = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, TypeError) as error:
        raise ValueError(str(error)) from error
    checksum = notes.pop(CHECKSUM, None)
    if (checked or checksum is not None) and checksum != _checksum(arrays, notes):
        raise ValueError("checksum mismatch")
    return ArrayFile(arrays, notes)


def pack(arrays: Mapping[str, ArrayLike], notes: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a file of arrays by name, without a checksum."""
    from safetensors.numpy import save

    return save(_contiguous(arrays), None if notes is None else dict(notes))


def unpack(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of `pack`.

    Raises
    ------
    ValueError
        If the bytes are none of such a file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _contiguous(arrays: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def _checksum(arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> str:
    digest = hashlib.sha256("".join(notes[name] for name in sorted(notes)).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()
