"""`RowSource`, the contract of readers: a table on disk whose rows are read when they are asked for.

A reader is a subclass of `RowSource`, by way of `row_file.RowFile` where any row can be read alone or of
`blocked.BlockedFile` where rows come in blocks, and an ``open_file(path, target)`` that is one line in
``ssvae/readers/__init__.py``. Rows are arrays [n, D] of the source's ``dtype``, float32 or where the file holds numbers
that need it float64 (`precision`), or a `sparse_table.SparseTable` where most cells are 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload

import numpy as np

from ssvae.readers.errors import DataError, reading
from ssvae.readers.sparse_table import SparseTable

VALUES = 2**18  # of an array at a time: they stay in the processor's cache between two looks at them
BYTES = 2**22  # of the rows that a pass over a source holds at a time

Found = TypeVar("Found")
# Rows [n, D] in memory.
RowsInMemory: TypeAlias = np.ndarray | SparseTable
# Which rows: a slice, row numbers in any order, or a mask.
RowNumbers: TypeAlias = slice | np.ndarray | Sequence[int]


class RowSource(ABC):
    """Rows [N, D] that are read when they are asked for.

    ``source[rows]`` are rows in memory, of a slice or of row numbers; `subset` and `mapped` are sources again.
    """

    ndim = 2
    dtype: np.dtype = np.dtype(np.float32)  # of the rows; float64 where the file's numbers need it
    shape: tuple[int, int]
    name: str  # in error messages
    image_shape: tuple[int, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    block_starts: np.ndarray | None = None  # [blocks + 1] of rows that are read together; None: any is read alone

    @abstractmethod
    def take(self, rows: np.ndarray) -> RowsInMemory:
        """Return the rows of these numbers [n] in their order, [n, D] of `dtype` or a `sparse_table.SparseTable`."""

    def labels(self, target: str | None) -> np.ndarray | None:
        """Return the labels [N] that the file holds, or else those of the .npy file `target`.

        Raises
        ------
        DataError
            If `target` is given and there is none of this name, or not one label a row.
        """
        if target is None:
            return None
        if not Path(target).is_file():
            raise DataError(f"{self.name} holds no labels: give a .npy file of them as target, not {target!r}")
        with reading(target, "cannot be read as labels that numpy.save wrote"):
            return np.load(target, allow_pickle=False)

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, rows: RowNumbers) -> RowsInMemory:
        """Return rows in memory: a slice, or numbers."""
        return self.take(np.arange(len(self))[rows])

    def subset(self, rows: RowNumbers) -> RowSource:
        """Return the source of some rows: numbers, or a mask."""
        numbers = np.arange(len(self))[rows]
        return self if len(numbers) == len(self) and (np.diff(numbers) == 1).all() else Subset(self, numbers)

    def select_features(self, names: tuple[str, ...]) -> RowSource:
        """Return the source of the features of these names, where features have names."""
        return self

    def mapped(self, function: Callable[..., Any]) -> RowSource:
        """Return the source of function(rows), a function of each row alone; of a nest of arrays if it gives one."""
        return Mapped(self, function)

    def chunks(self) -> Iterator[tuple[int, RowsInMemory]]:
        """Yield all rows, some at a time, each time with the number of the first."""
        for begin in range(0, len(self), self.chunk_rows):
            yield begin, self[begin : begin + self.chunk_rows]

    @property
    def chunk_rows(self) -> int:
        """Rows of a chunk."""
        return max(1, BYTES // (self.shape[1] * self.dtype.itemsize))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest value, NaN where one is NaN; found once, in one pass."""
        return _extremes(chunk for _, chunk in self.chunks())

    def min(self) -> float:
        """Return the smallest value."""
        return self.extremes[0]

    def max(self) -> float:
        """Return the largest value."""
        return self.extremes[1]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows in memory."""
        return len(self) * self.shape[1] * self.dtype.itemsize


class Subset(RowSource):
    """Some rows of a source, in rising order."""

    def __init__(self, source: RowSource, rows: np.ndarray) -> None:
        self.source, self.rows, self.name, self.dtype = source, rows, source.name, source.dtype
        self.shape = (len(rows), source.shape[1])
        if source.block_starts is not None:
            self.block_starts = np.unique(np.searchsorted(rows, source.block_starts))

    def take(self, rows: np.ndarray) -> RowsInMemory:
        """See `RowSource.take`."""
        return self.source.take(self.rows[rows])


class Mapped(RowSource):
    """A function of the rows of a source, float32; it may give a nest of arrays, whose width is then the source's."""

    def __init__(self, source: RowSource, function: Callable[..., Any]) -> None:
        self.source, self.function, self.name, self.block_starts = source, function, source.name, source.block_starts
        first = function(source[:1])
        self.shape = (len(source), source.shape[1] if isinstance(first, tuple | list | dict) else first.shape[1])

    @property
    def chunk_rows(self) -> int:
        """See `RowSource.chunk_rows`: before the function, too."""
        return min(super().chunk_rows, self.source.chunk_rows)

    def take(self, rows: np.ndarray) -> RowsInMemory:
        """See `RowSource.take`."""
        return self.function(self.source.take(rows))


# Rows [N, D] to train on or to predict: an array, a table of which most cells are 0, or rows on disk.
Rows: TypeAlias = np.ndarray | SparseTable | RowSource


@overload
def transformed(x: RowSource, function: Callable[..., object]) -> RowSource: ...
@overload
def transformed(x: RowsInMemory, function: Callable[..., Found]) -> Found: ...
@overload
def transformed(x: Rows, function: Callable[..., Found]) -> Found | RowSource: ...
def transformed(x: Rows, function: Callable[..., Found]) -> Found | RowSource:
    """Return function(x), of a source another source."""
    return x.mapped(function) if isinstance(x, RowSource) else function(x)


def extremes(x: Rows) -> tuple[float, float]:
    """Return the least and the greatest value of rows [N, D], NaN where one is NaN, in one pass over them."""
    if isinstance(x, RowSource):
        return x.extremes
    if isinstance(x, SparseTable):
        return x.min(), x.max()
    step = max(1, VALUES // x.shape[1])
    return _extremes(x[start : start + step] for start in range(0, len(x), step))


def _extremes(chunks: Iterable[RowsInMemory]) -> tuple[float, float]:
    low, high = zip(*((chunk.min(), chunk.max()) for chunk in chunks), strict=True)
    return float(np.min(low)), float(np.max(high))


@overload
def take_rows(x: np.ndarray, rows: RowNumbers) -> np.ndarray: ...
@overload
def take_rows(x: Rows, rows: RowNumbers) -> Rows: ...
def take_rows(x: Rows, rows: RowNumbers) -> Rows:
    """Return some rows of x, numbers or a mask, of a source another source."""
    return x.subset(rows) if isinstance(x, RowSource) else x[rows]


def row_chunks(x: Rows) -> Iterator[RowsInMemory]:
    """Yield all rows in order: at once, or of a source some at a time."""
    if isinstance(x, RowSource):
        yield from (chunk for _, chunk in x.chunks())
    else:
        yield x
