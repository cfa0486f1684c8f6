"""What users hand in that stays on disk -> a `RowSource`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ssvae.readers import READERS
from ssvae.readers.base import RowSource
from ssvae.readers.errors import DataError, reading
from ssvae.readers.npy import of_map


def open_rows(x: Any) -> Any:
    """Return the source of a path, a memory-mapped array or an HDF5 dataset; anything else as it is.

    Raises
    ------
    DataError
        If there is no such file, its ending is none of the table's, or it holds no rows of numbers.
    """
    if isinstance(x, str | Path):
        return open_path(Path(x))
    if isinstance(x, np.memmap):
        found = of_map(x)
        return x if found is None else found
    if type(x).__module__.startswith("h5py"):
        from ssvae.readers.hdf5 import of_dataset

        with reading(x.file.filename, "cannot be read a second time, open it in mode 'r'"):
            return of_dataset(Path(x.file.filename), x.name)
    return x


def open_path(path: Path, target: Any = None) -> RowSource:
    """Return the source of a file; `target` is what it calls its labels, which are no feature of a row.

    For a table it may be a sequence of the features that are wanted instead, as `datasets.tables` names them.

    Raises
    ------
    DataError
        See `opened`.
    """
    with reading(str(path)[:200], "cannot be a file"):
        there = path.is_file()
    if not there:
        raise DataError(f"there is no file {str(path)!r}")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes)")
    open_file = READERS.get(path.suffix.lower())
    with reading(path, "cannot be read"):
        return open_file(path, target)
