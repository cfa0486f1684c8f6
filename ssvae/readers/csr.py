"""Sparse matrices in .npz files of scipy.sparse.save_npz, compressed by rows (CSR) and not zipped."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ssvae.readers.base import RowSource
from ssvae.readers.errors import DataError, reading
from ssvae.readers.row_file import consecutive_rows, table_shape
from ssvae.readers.sparse_table import SparseTable
from ssvae.readers.stored_array import StoredArray, stored_at

HOW = "save it with scipy.sparse.save_npz(path, scipy.sparse.csr_array(x), compressed=False)"


class CSRFile(RowSource):
    """Rows of a sparse matrix.

    Parameters
    ----------
    shape : (N, D)
    values, columns : StoredArray
        The stored values and their columns, row by row, [cells].
    starts : ndarray [N + 1]
        The position of each row's first value.
    """

    def __init__(self, shape: tuple[int, int], values: StoredArray, columns: StoredArray, starts: np.ndarray) -> None:
        self.name = str(values.path)
        self.shape, _, _ = table_shape(self.name, shape, values.dtype)
        self.values, self.columns, self.starts = values, columns, starts

    def _cells(self, file: IO[bytes], begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells of the rows [begin, end): values and columns."""
        cells = int(self.starts[begin]), int(self.starts[end])
        return self.values.read(file, *cells), self.columns.read(file, *cells)

    def take(self, rows: np.ndarray) -> SparseTable:
        """See `RowSource.take`."""
        from scipy.sparse import csr_array

        order = np.argsort(rows, kind="stable")
        lengths = (self.starts[rows[order] + 1] - self.starts[rows[order]]).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        values, columns = np.empty(starts[-1], np.float32), np.empty(starts[-1], np.int64)
        at = 0
        with reading(self.name), self.values.path.open("rb", buffering=0) as file:
            for begin, end, _ in consecutive_rows(rows):
                value, column = self._cells(file, begin, end)
                values[at : at + len(value)], columns[at : at + len(value)] = value, column
                at += len(value)
        if len(columns) and not 0 <= columns.min() <= columns.max() < self.shape[1]:
            raise DataError(f"{self.name} has a cell outside of its {self.shape[1]} columns: {HOW}")
        return SparseTable(csr_array((values, columns, starts), (len(rows), self.shape[1]))[np.argsort(order)])

    @property
    def nbytes(self) -> int:
        """Bytes of all cells in memory."""
        return 8 * int(self.starts[-1])


def open_file(path: Path, target: str | None = None) -> CSRFile:
    """Return the rows of a sparse matrix.

    Raises
    ------
    DataError
        If it is another kind of .npz file.
    """
    with zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as arrays:
        if not {"data", "indices", "indptr", "shape", "format"} <= {*arrays.files}:
            raise DataError(f"{path} has arrays {sorted(arrays.files)}, not those of a sparse matrix: {HOW}")
        if bytes(arrays["format"].item()) != b"csr" or archive.getinfo("data.npy").compress_type:
            raise DataError(f"{path} is zipped, or not compressed by rows: {HOW}")
        shape, starts = tuple(arrays["shape"].tolist()), arrays["indptr"].astype(np.int64)
        values, columns = (stored_at(path, _begin(path, archive, name)) for name in ("data", "indices"))
    whole = len(starts) == shape[0] + 1 and values.shape == columns.shape == (starts[-1],)
    if not whole or (np.diff(starts) < 0).any():
        raise DataError(f"{path} is not a sparse matrix: its arrays are inconsistent; {HOW}")
    small = starts.astype(np.uint32) if starts[-1] < 2**32 else starts  # of every row, for as long as the source exists
    return CSRFile(shape, values, columns, small)


def _begin(path: Path, archive: zipfile.ZipFile, name: str) -> int:
    """Return the byte at which a member's content begins: behind its header, of 30 bytes, its name and extra field."""
    start = archive.getinfo(f"{name}.npy").header_offset
    with path.open("rb") as file:
        file.seek(start + 26)
        lengths = np.frombuffer(file.read(4), "<u2")
    return start + 30 + int(lengths.sum())
