"""HDF5 files: the rows of one of their datasets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ssvae.readers.base import RowSource
from ssvae.readers.blocked import BlockedFile
from ssvae.readers.errors import DataError, reading
from ssvae.readers.row_file import RowFile, flattened, table_shape
from ssvae.registry import unknown

if TYPE_CHECKING:
    import h5py


class _HDF5File(RowSource):
    """A dataset of a file.

    Parameters
    ----------
    path : Path
    key : str
        The dataset's name in the file.
    """

    path: Path
    key: str

    def open(self) -> AbstractContextManager[h5py.Dataset]:
        """See `RowFile.open` and `BlockedFile.open`."""
        return _opened(self.path, self.key)

    def labels(self, target: str | None) -> np.ndarray | None:
        """See `RowSource.labels`: dataset `target`, by default "y", if there is one."""
        import h5py

        with reading(self.path), h5py.File(self.path, "r") as file:
            if target is not None and not isinstance(file.get(target), h5py.Dataset):
                raise DataError(f"{self.path}: {unknown('dataset of labels', target, sorted(file))}")
            y = file.get(target or "y")
            return None if y is None else y.asstr()[:] if h5py.check_string_dtype(y.dtype) else y[:]


class ContiguousFile(_HDF5File, RowFile):
    """Rows that are stored contiguously."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        with self.open() as dataset:
            RowFile.__init__(self, _name(path, key), dataset.shape, dataset.dtype)

    def read(self, file: h5py.Dataset, begin: int, end: int) -> np.ndarray:
        """See `RowFile.read`."""
        return file[begin:end]


class ChunkedFile(_HDF5File, BlockedFile):
    """Rows in chunks, zipped or not: those of a chunk are read together."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        with self.open() as dataset:
            shape, self.image_shape, self.bytes = table_shape(_name(path, key), dataset.shape, dataset.dtype)
            begins = np.append(np.arange(0, shape[0], dataset.chunks[0]), shape[0])
        BlockedFile.__init__(self, _name(path, key), shape, begins)

    def blocks(self, file: h5py.Dataset, number: int) -> Iterator[tuple[int, np.ndarray]]:
        """See `BlockedFile.blocks`."""
        found = file[self.begins[number] : self.begins[number + 1]]
        yield number, flattened(found, self.bytes)


@contextmanager
def _opened(path: Path, key: str) -> Iterator[h5py.Dataset]:
    """Open a dataset."""
    import h5py

    with h5py.File(path, "r") as file:
        yield file[key]


def open_file(path: Path, target: str | None = None) -> RowSource:
    """Return the rows of the dataset "x", or of the only one of two to four axes, of an HDF5 file.

    Raises
    ------
    DataError
        If the file is damaged, or it is not clear which dataset is meant.
    """
    import h5py

    with h5py.File(path, "r") as file:
        tables = [key for key, value in file.items() if isinstance(value, h5py.Dataset) and value.ndim > 1]
        keys = sorted(file)
    if "x" not in tables and len(tables) != 1:
        raise DataError(f"{path} holds {keys}; call the dataset of the rows [N, D] 'x'")
    return of_dataset(path, "x" if "x" in tables else tables[0])


def of_dataset(path: Path, key: str) -> RowSource:
    """Return the rows of a dataset by its name in the file."""
    with _opened(path, key) as dataset:
        chunked = bool(dataset.chunks)
    return ChunkedFile(path, key) if chunked else ContiguousFile(path, key)


def of_open_dataset(dataset: h5py.Dataset) -> RowSource:
    """Return the rows of a dataset of an open file.

    Raises
    ------
    DataError
        If the file cannot be opened a second time, or the dataset holds no rows of numbers.
    """
    path = dataset.file.filename
    with reading(path, "cannot be read a second time, open it in mode 'r'"):
        return of_dataset(Path(path), dataset.name)


def _name(path: Path, key: str) -> str:
    return f"{path}, dataset {key!r}"
