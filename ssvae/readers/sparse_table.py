"""Tables of which most cells are 0, kept without those cells and made dense a few rows at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class SparseTable:
    """Rows [N, D] of float32 in compressed form.

    It is indexed by rows and gives tables; `numpy.asarray` makes the dense array of all its rows, so that whatever
    works on a few rows at a time takes ``np.asarray(table[start:stop])``.

    Parameters
    ----------
    matrix : scipy sparse matrix or array [N, D]
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, matrix: Any) -> None:
        from scipy.sparse import csr_array  # not at the top: lists of data sets are printed without it

        self.matrix = csr_array(matrix, dtype=np.float32)
        self.matrix.sum_duplicates()
        self.shape = self.matrix.shape

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> SparseTable:
        """Return the table of some rows: a slice, numbers or a mask."""
        return SparseTable(self.matrix[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the dense array [N, D]."""
        del copy  # it is always a new one
        return self.matrix.toarray().astype(dtype or np.float32, copy=False)

    def min(self) -> float:
        """Return the least cell."""
        return float(self.matrix.min())

    def max(self) -> float:
        """Return the greatest cell."""
        return float(self.matrix.max())

    def sum(self, axis: int) -> np.ndarray:
        """Return the sums of the columns (axis 0) or of the rows (1)."""
        return np.asarray(self.matrix.sum(axis=axis)).ravel()

    def mean(self, axis: int = 0) -> np.ndarray:
        """Return the means of the columns (axis 0) or of the rows (1)."""
        return self.sum(axis) / self.shape[axis]

    def std(self, axis: int = 0) -> np.ndarray:
        """Return the standard deviations of the columns (axis 0) or of the rows (1)."""
        squares = SparseTable(self.matrix.power(2)).mean(axis)
        return np.sqrt(np.maximum(squares - self.mean(axis) ** 2, 0.0))

    def arrays(self) -> SparseArrays:
        """Return the table as arrays that TensorFlow takes."""
        columns, starts = self.matrix.indices.astype(np.int32), self.matrix.indptr.astype(np.int64)
        return SparseArrays(self.matrix.data, columns, starts)

    def dense_row_bytes(self) -> int:
        """Return the bytes of one dense row."""
        return self.shape[1] * self.dtype.itemsize


class SparseArrays(NamedTuple):
    """A table as three arrays, or three tensors."""

    values: Any  # [cells] float32, the cells that are kept, row by row
    columns: Any  # [cells] int32
    starts: Any  # [N + 1] int64, where each row begins


def as_rows(x: Any) -> Any:
    """Return x as something that takes row numbers: a `SparseTable` if it is sparse, else an array."""
    return SparseTable(x) if is_sparse(x) else x if isinstance(x, SparseTable) else np.asarray(x)


def stored_values(x: Any) -> np.ndarray:
    """Return the cells of a dense array, or those that a `SparseTable` keeps."""
    return x.matrix.data if isinstance(x, SparseTable) else np.asarray(x)


def stack_rows(parts: list[Any]) -> Any:
    """Return the rows of several arrays or of several tables, one below the other."""
    if isinstance(parts[0], SparseTable):
        from scipy.sparse import vstack

        return SparseTable(vstack([part.matrix for part in parts], format="csr"))
    return np.concatenate(parts)


def is_sparse(x: Any) -> bool:
    """Say whether x is a sparse matrix or array of scipy."""
    from scipy.sparse import issparse

    return bool(issparse(x))
