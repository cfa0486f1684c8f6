"""`BlockedFile`: rows that a file packs together in blocks, of which the latest are kept unpacked."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

import numpy as np

from ssvae.readers.base import RowSource
from ssvae.readers.errors import reading

# Bytes of unpacked blocks: two windows of the shuffle (`training.shuffling.WINDOW`) and a block on either side.
KEPT = 5 * 2**23

Opened = TypeVar("Opened")  # what the format's library gives of an open file


class BlockedFile(RowSource, Generic[Opened]):
    """Rows in blocks [begins[n], begins[n + 1]).

    Parameters
    ----------
    name : str
        In error messages.
    shape : (N, D)
    begins : ndarray [blocks + 1]
    """

    def __init__(self, name: str, shape: tuple[int, int], begins: np.ndarray) -> None:
        self.name, self.shape, self.begins, self.block_starts = name, shape, begins, begins
        self.kept: OrderedDict[int, np.ndarray] = OrderedDict()  # the latest last
        self.free: list[np.ndarray] | None = None

    @abstractmethod
    def open(self) -> AbstractContextManager[Opened]:
        """Open the file."""

    @abstractmethod
    def blocks(self, file: Opened, number: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield blocks [n, D] with their numbers; the last one is the block of this number."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """See `RowSource.take`."""
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        order = np.argsort(rows, kind="stable")
        block_of_row = np.searchsorted(self.begins, rows[order], side="right") - 1
        with reading(self.name), self.open() as file:
            for positions in np.split(order, np.flatnonzero(np.diff(block_of_row)) + 1) if len(rows) else ():
                number = int(np.searchsorted(self.begins, rows[positions[0]], side="right")) - 1
                found[positions] = self._block(file, number)[rows[positions] - self.begins[number]]
        return found

    def _block(self, file: Opened, number: int) -> np.ndarray:
        if number in self.kept:
            self.kept.move_to_end(number)
            return self.kept[number]
        for other, block in self.blocks(file, number):
            buffer = self.kept.pop(other) if other in self.kept else self._buffer()
            buffer[: len(block)] = block
            self.kept[other] = buffer
        return self.kept[number]

    def _buffer(self) -> np.ndarray:
        """Return where a block may be put: a free buffer, or that of the block whose last use is longest ago.

        All buffers are made at once, because memory that is taken and given back block by block fragments.
        """
        if self.free is None:
            rows = int(np.diff(self.begins).max())
            count = max(2, KEPT // (rows * self.shape[1] * self.dtype.itemsize))
            self.free = [*np.empty((min(count, len(self.begins) - 1), rows, self.shape[1]), self.dtype)]
        return self.free.pop() if self.free else self.kept.popitem(last=False)[1]

    def __getstate__(self) -> dict[str, object]:
        """Leave out the unpacked blocks."""
        return {**self.__dict__, "kept": OrderedDict(), "free": None}
