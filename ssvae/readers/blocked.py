"""Sources whose rows come in blocks, because the file packs them together; the blocks read last are kept."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ssvae.readers.base import RowSource
from ssvae.readers.errors import reading

KEPT = (
    5 * 2**23
)  # bytes of unpacked blocks: two windows of the shuffle (`training.shuffling.WINDOW`) and a block on either side


class BlockedFile(RowSource):
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
    def open(self) -> AbstractContextManager[Any]:
        """Hold the file open."""

    @abstractmethod
    def blocks(self, file: Any, number: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield blocks with their numbers, the last of them the one that is asked for, as float32 [n, D]."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """See `RowSource.take`."""
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        order = np.argsort(rows, kind="stable")
        of_each = np.searchsorted(self.begins, rows[order], side="right") - 1
        with reading(self.name), self.open() as file:
            for places in np.split(order, np.flatnonzero(np.diff(of_each)) + 1) if len(rows) else ():
                number = int(np.searchsorted(self.begins, rows[places[0]], side="right")) - 1
                found[places] = self._block(file, number)[rows[places] - self.begins[number]]
        return found

    def _block(self, file: Any, number: int) -> np.ndarray:
        if number in self.kept:
            self.kept.move_to_end(number)
            return self.kept[number]
        for other, block in self.blocks(file, number):
            place = self.kept.pop(other) if other in self.kept else self._place()
            place[: len(block)] = block
            self.kept[other] = place
        return self.kept[number]

    def _place(self) -> np.ndarray:
        """Return where a block may be put; places are made once, since memory that comes and goes falls to pieces."""
        if self.free is None:
            rows = int(np.diff(self.begins).max())
            count = max(2, KEPT // (rows * self.shape[1] * self.dtype.itemsize))
            places = np.empty((min(count, len(self.begins) - 1), rows, self.shape[1]), self.dtype)
            self.free = [*places]
        return self.free.pop() if self.free else self.kept.popitem(last=False)[1]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was kept."""
        return {**self.__dict__, "kept": OrderedDict(), "free": None}
