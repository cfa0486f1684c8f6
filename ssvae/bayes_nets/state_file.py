"""Named arrays in one safetensors file, from which an interrupted run resumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ssvae.atomic_files import write_bytes


def store(path: Path, arrays: Mapping[str, ArrayLike], what: str) -> None:
    """Write arrays by name, whole or not at all, with a description of what they belong to."""
    from safetensors.numpy import save

    write_bytes(path, save({name: np.asarray(v) for name, v in arrays.items()}, {"what": what}))


def restore(path: Path, what: str) -> dict[str, np.ndarray]:
    """Return the arrays that `store` wrote.

    Raises
    ------
    ValueError
        If the file cannot be read, or belongs to something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            found = file.metadata()["what"]
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}): remove it to start again") from error
    if found != what:
        raise ValueError(f"{path} was made with other settings or data: remove it, or choose another folder")
    return arrays
