"""What a source of rows is: a table that stays on disk and gives the rows that are asked for.

The contract. A reader is a subclass of `RowSource`, by way of `file.File` where any row can be read alone or of
`blocked.BlockedFile` where rows come in blocks, and an ``open_file(path, target)`` that is one line in
``ssvae/readers/__init__.py``. Rows are float32 arrays [n, D], or a `sparse_table.SparseTable` where most cells are 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ssvae.readers.errors import DataError, reading
from ssvae.readers.sparse_table import SparseTable

BYTES = 2**22  # of the rows that a pass over a source holds at a time


class RowSource(ABC):
    """Rows [N, D] that are read when they are asked for.

    ``source[rows]`` are rows in memory, of a slice or of row numbers; `subset` and `mapped` are sources again.
    """

    ndim, dtype = 2, np.dtype(np.float32)
    shape: tuple[int, int]
    name: str  # in error messages
    image_shape: tuple[int, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    block_starts: np.ndarray | None = None  # [blocks + 1] of rows that are read together; None: any is read alone

    @abstractmethod
    def take(self, rows: np.ndarray) -> Any:
        """Return the rows of these numbers [n] in their order, float32 [n, D] or a `sparse_table.SparseTable`."""

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

    def __getitem__(self, rows: Any) -> Any:
        """Return rows in memory: a slice, or numbers."""
        return self.take(np.arange(len(self))[rows])

    def subset(self, rows: np.ndarray) -> RowSource:
        """Return the source of some rows: numbers, or a mask."""
        numbers = np.arange(len(self))[rows]
        return self if len(numbers) == len(self) and (np.diff(numbers) == 1).all() else Subset(self, numbers)

    def select_features(self, names: tuple[str, ...]) -> RowSource:
        """Return the source of the features of these names, where features have names."""
        return self

    def mapped(self, function: Callable[[Any], Any]) -> RowSource:
        """Return the source of function(rows), a function of each row alone."""
        return Mapped(self, function)

    def chunks(self) -> Iterator[tuple[int, Any]]:
        """Yield all rows, some at a time, each time with the number of the first."""
        for begin in range(0, len(self), self.step):
            yield begin, self[begin : begin + self.step]

    @property
    def step(self) -> int:
        """Rows of a chunk."""
        return max(1, BYTES // (self.shape[1] * self.dtype.itemsize))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """The least and the greatest cell."""
        low, high = zip(*((chunk.min(), chunk.max()) for _, chunk in self.chunks()), strict=True)
        return float(min(low)), float(max(high))

    def min(self) -> float:
        """Return the least cell."""
        return self.extremes[0]

    def max(self) -> float:
        """Return the greatest cell."""
        return self.extremes[1]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows in memory."""
        return len(self) * self.shape[1] * self.dtype.itemsize


class Subset(RowSource):
    """Some rows of a source, in rising order."""

    def __init__(self, source: RowSource, rows: np.ndarray) -> None:
        self.source, self.rows, self.name = source, rows, source.name
        self.shape = (len(rows), source.shape[1])
        if source.block_starts is not None:
            self.block_starts = np.unique(np.searchsorted(rows, source.block_starts))

    def take(self, rows: np.ndarray) -> Any:
        """See `RowSource.take`."""
        return self.source.take(self.rows[rows])


class Mapped(RowSource):
    """A function of the rows of a source; it may give a nest of arrays."""

    def __init__(self, source: RowSource, function: Callable[[Any], Any]) -> None:
        self.source, self.function, self.name, self.block_starts = source, function, source.name, source.block_starts
        self.shape = (len(source), getattr(function(source[:1]), "shape", source.shape)[1])

    @property
    def step(self) -> int:
        """See `RowSource.step`: before the function, too."""
        return min(super().step, self.source.step)

    def take(self, rows: np.ndarray) -> Any:
        """See `RowSource.take`."""
        return self.function(self.source.take(rows))


def transformed(x: Any, function: Callable[[Any], Any]) -> Any:
    """Return function(x), of a source another source."""
    return x.mapped(function) if isinstance(x, RowSource) else function(x)


def take_rows(x: Any, rows: np.ndarray) -> Any:
    """Return some rows of x, numbers or a mask, of a source another source."""
    return x.subset(rows) if isinstance(x, RowSource) else x[rows]


def row_chunks(x: Any) -> Iterator[Any]:
    """Yield all rows in order: at once, or of a source some at a time."""
    if isinstance(x, RowSource):
        yield from (chunk for _, chunk in x.chunks())
    else:
        yield x


# Rows [N, D] to learn from or to predict: an array, a table of which most cells are 0, or rows that stay on disk.
Rows: TypeAlias = np.ndarray | SparseTable | RowSource
