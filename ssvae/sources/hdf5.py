"""Rows of a dataset in an HDF5 file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from ssvae.datasets.base import DataError
from ssvae.sources.base import File


class HDF5(File):
    """Rows of a dataset.

    Parameters
    ----------
    path : Path
    key : str
        The dataset's name in the file.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        with self.open() as dataset:
            super().__init__(f"{path}, dataset {key!r}", dataset.shape, dataset.dtype)

    def open(self) -> AbstractContextManager[Any]:
        """See `File.open`."""
        return _Opened(self.path, self.key)

    def read(self, file: Any, begin: int, end: int) -> np.ndarray:
        """See `File.read`."""
        return file[begin:end]


class _Opened(AbstractContextManager[Any]):
    """An open dataset."""

    def __init__(self, path: Path, key: str) -> None:
        import h5py  # type: ignore[import-untyped, unused-ignore]

        self.file, self.key = h5py.File(path, "r"), key

    def __enter__(self) -> Any:
        return self.file[self.key]

    def __exit__(self, *error: object) -> None:
        self.file.close()


def open_file(path: Path) -> HDF5:
    """Return the rows of the dataset "x", or of the only table [N, D], of an HDF5 file.

    Raises
    ------
    DataError
        If the file is damaged, or it is not clear which dataset is meant.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            tables = [key for key, value in file.items() if isinstance(value, h5py.Dataset) and value.ndim == 2]
            keys = sorted(file)
    except OSError as error:
        raise DataError(f"{path} cannot be read as HDF5: {error}") from error
    if "x" not in tables and len(tables) != 1:
        raise DataError(f"{path} holds {keys}; call the dataset of the rows [N, D] 'x'")
    return HDF5(path, "x" if "x" in tables else tables[0])
