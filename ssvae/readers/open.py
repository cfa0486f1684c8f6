"""Entry point for rows X, without labels, in memory or on disk; `readers.read` reads files with their labels.

The estimator applies `open_rows` to X: a path, a memory-mapped array and a dataset of an open HDF5 file become a
`RowSource`, whose rows stay on disk, and what is in memory stays as it is. `open_path` opens one file by its ending,
by the function that the table `READERS` has for it. A data set by its name is `ssvae.datasets.load`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from ssvae.readers import READERS
from ssvae.readers.base import RowSource
from ssvae.readers.errors import DataError, reading
from ssvae.readers.npy import of_map

InMemory = TypeVar("InMemory")


def open_rows(x: str | Path | InMemory) -> RowSource | InMemory:
    """Return the source of a path, a memory-mapped array or an HDF5 dataset; anything else as it is.

    Raises
    ------
    DataError
        If there is no such file, its ending is not in the table, or it holds no rows of numbers.
    """
    if isinstance(x, str | Path):
        return open_path(Path(x))
    if isinstance(x, np.memmap):
        found = of_map(x)
        return x if found is None else found
    h5py = sys.modules.get("h5py")  # optional; x can be one of its objects only if it is imported
    if h5py is not None and isinstance(x, h5py.Dataset | h5py.Group):
        from ssvae.readers.hdf5 import of_open_dataset

        return of_open_dataset(x)
    return x


def open_path(path: Path, target: str | Sequence[str] | None = None, external: bool = False) -> RowSource:
    """Return the source of a file; `target` is its name for the labels, which are not features.

    For a table it may instead be a sequence of the features to read, as `readers.tables` names them. `external` lets
    an HDF5 file take its rows from other files.

    Raises
    ------
    DataError
        See `open_rows`.
    """
    with reading(str(path)[:200], "cannot be a file"):
        there = path.is_file()
    if not there:
        raise DataError(f"there is no file {str(path)!r}")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes)")
    open_file = READERS.get(path.suffix.lower())
    with reading(path, "cannot be read"):
        return open_file(path, target, **({"external": True} if external else {}))
