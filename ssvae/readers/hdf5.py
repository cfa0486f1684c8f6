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
from ssvae.readers.precision import row_dtype
from ssvae.readers.row_file import RowFile, flattened, table_shape
from ssvae.registry import unknown

if TYPE_CHECKING:
    import h5py

ALLOW = "external=True (--set dataset.external=true) reads it, where you trust whoever made the file"


class _HDF5File(RowSource):
    """A dataset of a file.

    Parameters
    ----------
    path : Path
    key : str
        The dataset's name in the file.
    external : bool
        Whether the file may take it from other files.
    """

    path: Path
    key: str
    external: bool

    def open(self) -> AbstractContextManager[h5py.Dataset]:
        """See `RowFile.open` and `BlockedFile.open`."""
        return _opened(self.path, self.key, self.external)

    def labels(self, target: str | None) -> np.ndarray | None:
        """See `RowSource.labels`: dataset `target`, by default "y", if there is one."""
        import h5py

        with reading(self.path), h5py.File(self.path, "r") as file:
            key = target or "y"
            there = file.get(key, getlink=True) is not None
            if not there and target is None:
                return None
            y = _own(file, key, self.external) if there else None
            if not isinstance(y, h5py.Dataset):
                raise DataError(f"{self.path}: {unknown('dataset of labels', key, sorted(file))}")
            return y.asstr()[:] if h5py.check_string_dtype(y.dtype) else y[:]


class ContiguousFile(_HDF5File, RowFile):
    """Rows that are stored contiguously."""

    def __init__(self, path: Path, key: str, external: bool) -> None:
        self.path, self.key, self.external = path, key, external
        with self.open() as dataset:
            RowFile.__init__(self, _name(path, key), dataset.shape, dataset.dtype)

    def read(self, file: h5py.Dataset, begin: int, end: int) -> np.ndarray:
        """See `RowFile.read`."""
        return file[begin:end]


class ChunkedFile(_HDF5File, BlockedFile):
    """Rows in chunks, zipped or not: those of a chunk are read together."""

    def __init__(self, path: Path, key: str, external: bool) -> None:
        self.path, self.key, self.external = path, key, external
        with self.open() as dataset:
            shape, self.image_shape, self.bytes = table_shape(_name(path, key), dataset.shape, dataset.dtype)
            self.dtype = np.dtype(np.float32) if self.bytes else row_dtype(dataset.dtype)
            begins = np.append(np.arange(0, shape[0], dataset.chunks[0]), shape[0])
        BlockedFile.__init__(self, _name(path, key), shape, begins)

    def blocks(self, file: h5py.Dataset, number: int) -> Iterator[tuple[int, np.ndarray]]:
        """See `BlockedFile.blocks`."""
        found = file[self.begins[number] : self.begins[number + 1]]
        yield number, flattened(found, self.bytes)


@contextmanager
def _opened(path: Path, key: str, external: bool) -> Iterator[h5py.Dataset]:
    """Open a dataset."""
    import h5py

    with h5py.File(path, "r") as file:
        yield _own(file, key, external)


def _own(file: h5py.File, key: str, external: bool) -> h5py.Dataset | h5py.Group:
    """Return what a file holds under a name; refuse what it takes from other files unless `external` allows it."""
    if external:
        return file[key]
    import h5py

    parts = [part for part in key.split("/") if part]
    for end in range(1, len(parts) + 1):  # before the link is followed, which opens the other file
        if isinstance(file.get("/".join(parts[:end]), getlink=True), h5py.ExternalLink):
            raise DataError(f"{file.filename}: {key!r} is a link to another file; {ALLOW}")
    found = file[key]
    elsewhere = found.file.filename != file.filename  # through a link to a link
    if isinstance(found, h5py.Dataset):
        virtual = found.is_virtual and any(source.file_name != "." for source in found.virtual_sources())
        elsewhere |= bool(found.external) or virtual
    if elsewhere:
        raise DataError(f"{file.filename}: dataset {key!r} is stored in another file; {ALLOW}")
    return found


def open_file(path: Path, target: str | None = None, external: bool = False) -> RowSource:
    """Return the rows of the dataset "x", or of the only one of two to four axes, of an HDF5 file.

    With `external` they may come from other files that this one points to.

    Raises
    ------
    DataError
        If the file is damaged, points to another, or it is not clear which dataset is meant.
    """
    import h5py

    with h5py.File(path, "r") as file:
        keys = sorted(file)
        here = [key for key in keys if external or not isinstance(file.get(key, getlink=True), h5py.ExternalLink)]
        tables = [key for key in here if isinstance(file.get(key), h5py.Dataset) and file[key].ndim > 1]
    if "x" in {*keys} - {*here}:
        tables = ["x"]  # a link, which is refused where it is opened
    if "x" not in tables and len(tables) != 1:
        raise DataError(f"{path} holds {keys}; call the dataset of the rows [N, D] 'x'")
    return of_dataset(path, "x" if "x" in tables else tables[0], external)


def of_dataset(path: Path, key: str, external: bool = False) -> RowSource:
    """Return the rows of a dataset by its name in the file."""
    with _opened(path, key, external) as dataset:
        chunked = bool(dataset.chunks)
    return ChunkedFile(path, key, external) if chunked else ContiguousFile(path, key, external)


def of_open_dataset(dataset: h5py.Dataset) -> RowSource:
    """Return the rows of a dataset of an open file, from wherever it takes them: its owner has opened it.

    Raises
    ------
    DataError
        If the file cannot be opened a second time, or the dataset holds no rows of numbers.
    """
    path = dataset.file.filename
    with reading(path, "cannot be read a second time, open it in mode 'r'"):
        return of_dataset(Path(path), dataset.name, external=True)


def _name(path: Path, key: str) -> str:
    return f"{path}, dataset {key!r}"
