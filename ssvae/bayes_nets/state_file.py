"""The state of a net's learning or sampling in a file, from which an interrupted run resumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ssvae.backend import array_files


def store(path: Path, arrays: Mapping[str, ArrayLike], what: str) -> None:
    """Write arrays by name, whole or not at all, with a description of what they belong to."""
    array_files.write(path, arrays, {"what": what})


def restore(path: Path, what: str) -> dict[str, np.ndarray]:
    """Return the arrays that `store` wrote.

    Raises
    ------
    ValueError
        If the file cannot be read, or belongs to something else.
    """
    try:
        arrays, notes = array_files.read(path, checked=False)  # version 0.1.0 wrote no checksum
        found = notes["what"]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}): remove it to start again") from error
    if found != what:
        raise ValueError(f"{path} was made with other settings or data: remove it, or choose another folder")
    return arrays
