"""Sources whose rows come in blocks, because the file packs them together; the blocks read last are kept."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ssvae.datasets.base import DataError
from ssvae.sources.base import Source

KEPT = 5 * 2**24  # bytes of unpacked blocks: two windows of the shuffle (`batches.WINDOW`) and a block on either side


class Blocked(Source):
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
        self.kept: OrderedDict[int, np.ndarray] = OrderedDict()

    @abstractmethod
    def open(self) -> AbstractContextManager[Any]:
        """Hold the file open."""

    @abstractmethod
    def blocks(self, file: Any, number: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield blocks with their numbers, the last of them the one that is asked for, as float32 [n, D]."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """See `Source.take`."""
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        order = np.argsort(rows, kind="stable")
        of_each = np.searchsorted(self.begins, rows[order], side="right") - 1
        try:
            with self.open() as file, np.errstate(over="ignore"):
                for places in np.split(order, np.flatnonzero(np.diff(of_each)) + 1) if len(rows) else ():
                    number = int(np.searchsorted(self.begins, rows[places[0]], side="right")) - 1
                    found[places] = self._block(file, number)[rows[places] - self.begins[number]]
        except (OSError, ValueError) as error:
            raise error if isinstance(error, DataError) else self.unreadable(error) from error
        return found

    def unreadable(self, error: Exception) -> DataError:
        """Return the error of a file that could be read before."""
        return DataError(f"{self.name} can no longer be read: {error}")

    def _block(self, file: Any, number: int) -> np.ndarray:
        if number in self.kept:
            self.kept.move_to_end(number)
            return self.kept[number]
        for other, block in self.blocks(file, number):
            self.kept[other] = block
            self.kept.move_to_end(other)
            while len(self.kept) > 2 and sum(kept.nbytes for kept in self.kept.values()) > KEPT:
                self.kept.popitem(last=False)
        return self.kept[number]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was kept."""
        return {**self.__dict__, "kept": OrderedDict()}
