"""`RowFile`: rows stored contiguously in a file, so that any of them can be read alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

import numpy as np

from ssvae.readers.base import RowSource
from ssvae.readers.errors import DataError, reading
from ssvae.readers.pixels import scaled_bytes
from ssvae.readers.precision import row_dtype

Opened = TypeVar("Opened")  # what the format's library gives of an open file


class RowFile(RowSource, Generic[Opened]):
    """Dense rows of a file; consecutive rows are read together.

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
        If the file holds no rows of numbers.
    """

    def __init__(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.name, self.shape, self.image_shape, self.bytes = name, *table_shape(name, shape, dtype)
        self.dtype = np.dtype(np.float32) if self.bytes else row_dtype(dtype)

    @abstractmethod
    def open(self) -> AbstractContextManager[Opened]:
        """Open the file."""

    @abstractmethod
    def read(self, file: Opened, begin: int, end: int) -> np.ndarray:
        """Return the rows [begin, end), as they stand in the file."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """See `RowSource.take`; rows are read in the order of the file."""
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        with reading(self.name), self.open() as file:
            for begin, end, positions in consecutive_rows(rows):
                found[positions] = flattened(self.read(file, begin, end), self.bytes)
        return found


def flattened(rows: np.ndarray, pixels: bool) -> np.ndarray:
    """Return rows [n, ...] as [n, D], pixels of bytes in [0, 1]."""
    return scaled_bytes(rows) if pixels else rows.reshape(len(rows), -1)


def table_shape(
    name: str, shape: tuple[int, ...], dtype: np.dtype
) -> tuple[tuple[int, int], tuple[int, ...] | None, bool]:
    """Return [N, D], the shape of an image where rows are images, and whether those are of bytes.

    Raises
    ------
    DataError
        If it is not a table of numbers, or has no rows.
    """
    if len(shape) not in (2, 3, 4) or 0 in shape or dtype.kind not in "biuf":
        raise DataError(
            f"{name} holds {dtype} {list(shape)}; numbers [N, D] or images [N, H, W] or [N, H, W, C] are needed, of "
            "one row at least"
        )
    image = tuple(int(n) for n in shape[1:]) if len(shape) > 2 else None
    return (int(shape[0]), int(np.prod(shape[1:]))), image, image is not None and dtype == np.uint8


def consecutive_rows(rows: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the ranges [begin, end) of consecutive numbers among `rows`, rising, and their positions in `rows`.

    >>> [(begin, end, positions.tolist()) for begin, end, positions in consecutive_rows(np.array([7, 3, 4]))]
    [(3, 5, [1, 2]), (7, 8, [0])]
    """
    order = np.argsort(rows, kind="stable")
    for positions in np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1) if len(rows) else ():
        yield int(rows[positions[0]]), int(rows[positions[-1]]) + 1, positions
