"""Sparse tables: most values are 0 and are not stored; rows are made dense a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import tensorflow as tf
    from scipy.sparse import sparray, spmatrix

Array = TypeVar("Array", np.ndarray, "SparseTable")


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

    def __init__(self, matrix: sparray | spmatrix | np.ndarray) -> None:
        from scipy.sparse import csr_array  # not at the top: lists of data sets are printed without it

        found = csr_array(matrix)  # shares its arrays with a CSR matrix, which is its owner's
        if not found.has_canonical_format:
            found = found.copy()
            found.sum_duplicates()  # before the cast: the sum of two cells is that of the dense array
        self.matrix = csr_array(found, dtype=np.float32)
        self.shape = self.matrix.shape

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray | Sequence[int]) -> SparseTable:
        """Return the table of some rows: a slice, numbers or a mask."""
        return SparseTable(self.matrix[rows])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """Return the dense array [N, D]."""
        del copy  # it is always a new one
        return self.matrix.toarray().astype(dtype or np.float32, copy=False)

    def min(self) -> float:
        """Return the smallest value."""
        return float(self.matrix.min())

    def max(self) -> float:
        """Return the largest value."""
        return float(self.matrix.max())

    def sum(self, axis: int) -> np.ndarray:
        """Return the sums of the columns (axis 0) or of the rows (1)."""
        return np.asarray(self.matrix.sum(axis=axis)).ravel()

    def mean(self, axis: int = 0) -> np.ndarray:
        """Return the means of the columns (axis 0) or of the rows (1)."""
        return self.sum(axis) / self.shape[axis]

    def arrays(self) -> SparseArrays:
        """Return the table as arrays that TensorFlow takes."""
        columns, starts = self.matrix.indices.astype(np.int32), self.matrix.indptr.astype(np.int64)
        return SparseArrays(self.matrix.data, columns, starts)

    def dense_row_bytes(self) -> int:
        """Return the bytes of one dense row."""
        return self.shape[1] * self.dtype.itemsize


class SparseArrays(NamedTuple):
    """A sparse table in CSR form, as arrays or as tensors."""

    values: np.ndarray | tf.Tensor  # [cells] float32, the values that are stored, row by row
    columns: np.ndarray | tf.Tensor  # [cells] int32
    starts: np.ndarray | tf.Tensor  # [N + 1] int64, where each row begins


def as_rows(x: npt.ArrayLike | SparseTable | sparray | spmatrix) -> np.ndarray | SparseTable:
    """Return x as something that takes row numbers: a `SparseTable` if it is sparse, else an array."""
    return SparseTable(x) if is_sparse(x) else x if isinstance(x, SparseTable) else np.asarray(x)


def stored_values(x: np.ndarray | SparseTable) -> np.ndarray:
    """Return the values of a dense array, or those that a `SparseTable` stores."""
    return x.matrix.data if isinstance(x, SparseTable) else np.asarray(x)


def stack_rows(parts: Sequence[Array]) -> Array:
    """Return the rows of several arrays or of several tables, one below the other."""
    if isinstance(parts[0], SparseTable):
        from scipy.sparse import vstack

        return SparseTable(vstack([part.matrix for part in parts], format="csr"))
    return np.concatenate(parts)


def is_sparse(x: object) -> bool:
    """Say whether x is a sparse matrix or array of scipy."""
    from scipy.sparse import issparse

    return bool(issparse(x))
