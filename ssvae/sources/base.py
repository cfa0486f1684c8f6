"""What a source of rows is: a table that stays on disk and gives the rows that are asked for.

The contract. A file's reader is a subclass of `File` with

- ``shape``: (N, D), known when the file has been opened, and checked against the file's size then;
- ``open()``: a context that holds the file open, and ``read(file, begin, end)``: its rows [begin, end), as numbers
  [end - begin, D];

and an ``open_file(path)`` that is one line in ``ssvae/sources/__init__.py``. Rows are float32 arrays [n, D], or a
`sparse.Table` where most cells are 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from ssvae.datasets.base import DataError

BYTES = 2**24  # of the rows that a pass over a source holds at a time


class Source(ABC):
    """Rows [N, D] that are read when they are asked for.

    ``source[rows]`` are rows in memory, of a slice or of row numbers; `part` and `mapped` are sources again.
    """

    ndim, dtype = 2, np.dtype(np.float32)
    shape: tuple[int, int]
    name: str  # in error messages

    @abstractmethod
    def take(self, rows: np.ndarray) -> Any:
        """Return the rows of these numbers [n] in their order, float32 [n, D] or a `sparse.Table`."""

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Return rows in memory: a slice, or numbers."""
        return self.take(np.arange(len(self))[rows])

    def part(self, rows: np.ndarray) -> Source:
        """Return the source of some rows: numbers, or a mask."""
        numbers = np.arange(len(self))[rows]
        return self if len(numbers) == len(self) and (np.diff(numbers) == 1).all() else Part(self, numbers)

    def mapped(self, function: Callable[[Any], Any]) -> Source:
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


class File(Source):
    """A source that is a file, read run by run: rows that follow each other in one go."""

    def __init__(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.name = name
        if len(shape) != 2 or 0 in shape or dtype.kind not in "biuf":
            raise DataError(f"{name} holds {dtype} {list(shape)}; numbers [N, D] are needed, of one row at least")
        self.shape = (int(shape[0]), int(shape[1]))

    @abstractmethod
    def open(self) -> AbstractContextManager[Any]:
        """Hold the file open."""

    @abstractmethod
    def read(self, file: Any, begin: int, end: int) -> np.ndarray:
        """Return the rows [begin, end)."""

    def take(self, rows: np.ndarray) -> Any:
        """See `Source.take`; rows are read in the order of the file."""
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        try:
            with self.open() as file, np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
                for begin, end, places in runs(rows):
                    found[places] = self.read(file, begin, end)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.name} can no longer be read: {error}") from error
        return found


class Part(Source):
    """Some rows of a source."""

    def __init__(self, source: Source, rows: np.ndarray) -> None:
        self.source, self.rows, self.name = source, rows, source.name
        self.shape = (len(rows), source.shape[1])

    def take(self, rows: np.ndarray) -> Any:
        """See `Source.take`."""
        return self.source.take(self.rows[rows])


class Mapped(Source):
    """A function of the rows of a source."""

    def __init__(self, source: Source, function: Callable[[Any], Any]) -> None:
        self.source, self.function, self.name = source, function, source.name
        self.shape = (len(source), function(source[:1]).shape[1])

    @property
    def step(self) -> int:
        """See `Source.step`: before the function, too."""
        return min(super().step, self.source.step)

    def take(self, rows: np.ndarray) -> Any:
        """See `Source.take`."""
        return self.function(self.source.take(rows))


def runs(rows: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the runs [begin, end) of following numbers among `rows`, in their order, and where each stands there.

    >>> [(begin, end, places.tolist()) for begin, end, places in runs(np.array([7, 3, 4]))]
    [(3, 5, [1, 2]), (7, 8, [0])]
    """
    order = np.argsort(rows, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1) if len(rows) else ():
        yield int(rows[places[0]]), int(rows[places[-1]]) + 1, places


def transformed(x: Any, function: Callable[[Any], Any]) -> Any:
    """Return function(x), of a source another source."""
    return x.mapped(function) if isinstance(x, Source) else function(x)


def part(x: Any, rows: np.ndarray) -> Any:
    """Return some rows of x, numbers or a mask, of a source another source."""
    return x.part(rows) if isinstance(x, Source) else x[rows]


def pieces(x: Any) -> Iterator[Any]:
    """Yield all rows in order: at once, or of a source some at a time."""
    if isinstance(x, Source):
        yield from (chunk for _, chunk in x.chunks())
    else:
        yield x
