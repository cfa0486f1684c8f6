"""Sources that read any row alone: a file of rows one behind the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ssvae.readers.base import RowSource
from ssvae.readers.errors import DataError, reading
from ssvae.readers.pixels import scaled_bytes


class RowFile(RowSource):
    """A source that is a file, read run by run: rows that follow each other in one go.

    Parameters
    ----------
    name : str
        Of the file, in error messages.
    shape : tuple of int
        [N, D], or images [N, H, W] or [N, H, W, C], of which bytes are divided by 255.
    dtype : numpy.dtype

    Raises
    ------
    DataError
        If these are no rows of numbers.
    """

    def __init__(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.name, self.shape, self.image_shape, self.bytes = name, *form(name, shape, dtype)

    @abstractmethod
    def open(self) -> AbstractContextManager[Any]:
        """Hold the file open."""

    @abstractmethod
    def read(self, file: Any, begin: int, end: int) -> np.ndarray:
        """Return the rows [begin, end), as they stand in the file."""

    def rows(self, found: np.ndarray) -> np.ndarray:
        """Return what was read as rows of numbers [n, D]."""
        return scaled_bytes(found) if self.bytes else found.reshape(len(found), -1)

    def take(self, rows: np.ndarray) -> Any:
        """See `RowSource.take`; rows are read in the order of the file."""
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        with reading(self.name), self.open() as file:
            for begin, end, places in runs(rows):
                found[places] = self.rows(self.read(file, begin, end))
        return found


def form(name: str, shape: tuple[int, ...], dtype: np.dtype) -> tuple[tuple[int, int], tuple[int, ...] | None, bool]:
    """Return [N, D], the shape of an image where rows are images, and whether those are of bytes.

    Raises
    ------
    DataError
        If it is no table of numbers, or has no rows.
    """
    if len(shape) not in (2, 3, 4) or 0 in shape or dtype.kind not in "biuf":
        raise DataError(
            f"{name} holds {dtype} {list(shape)}; numbers [N, D] or images [N, H, W] or [N, H, W, C] are needed, of "
            "one row at least"
        )
    image = tuple(int(n) for n in shape[1:]) if len(shape) > 2 else None
    return (int(shape[0]), int(np.prod(shape[1:]))), image, image is not None and dtype == np.uint8


def runs(rows: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the runs [begin, end) of following numbers among `rows`, in their order, and where each stands there.

    >>> [(begin, end, places.tolist()) for begin, end, places in runs(np.array([7, 3, 4]))]
    [(3, 5, [1, 2]), (7, 8, [0])]
    """
    order = np.argsort(rows, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1) if len(rows) else ():
        yield int(rows[places[0]]), int(rows[places[-1]]) + 1, places
