"""The rows of each window of steps: all rows stay where the steps run, or those of a window are read ahead of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from ssvae.readers.base import RowSource
from ssvae.readers.sparse_table import stack_rows
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.step import Program
from ssvae.training.streams import Streams

Window = tuple[int, int]  # the first step, and how many


class Resident:
    """All rows, put where the steps run once.

    Parameters
    ----------
    program : Program
    rows : Rows
    streams : Streams
    sizes : tuple of int
        Rows of each stream that a step takes.
    shape : int
        Steps of a whole window.
    seed : int
        Decides the order.
    """

    def __init__(
        self, program: Program, rows: TrainingArrays, streams: Streams, sizes: tuple[int, int], shape: int, seed: int
    ) -> None:
        self.program, self.rows, self.streams = program, rows, streams
        self.sizes, self.shape, self.seed = sizes, shape, seed
        self.begin()

    def begin(self) -> None:
        """Prepare what all windows share."""
        self.data = self.program.tensors(self.rows)

    def __call__(self, windows: list[Window]) -> Iterator[tuple[Any, Any]]:
        """Yield rows, and which of them each step takes [shape, size] of each stream, window by window."""
        for window in windows:
            yield self.data, tuple(tf.constant(order) for order in self.orders(window))

    def orders(self, window: Window) -> tuple[np.ndarray, ...]:
        """Return the rows of the steps of a window."""
        # One shape for all, because XLA compiles for shapes: what is beyond the window is not looked at.
        return self.streams.orders(self.sizes, *window, self.shape, self.seed)


class Streamed(Resident):
    """The labelled rows in memory, the others read from a `RowSource` in a thread while the steps before are taken."""

    def begin(self) -> None:
        """Read the labelled rows."""
        self.labelled = self.rows.x[self.streams.labelled]

    def __call__(self, windows: list[Window]) -> Iterator[tuple[Any, Any]]:
        """See `Resident`."""
        with ThreadPoolExecutor(1, thread_name_prefix="ssvae-rows") as pool:
            ahead = pool.submit(self._read, windows[0])
            for following in [*windows[1:], None]:
                found = ahead.result()
                if following is not None:
                    ahead = pool.submit(self._read, following)
                yield found

    def _read(self, window: Window) -> tuple[Any, Any]:
        """Return the rows of a window in the order of its steps."""
        known, others = (order[: window[1]].ravel() for order in self.orders(window))
        places = np.searchsorted(self.streams.labelled, known)
        labelled = tf.nest.map_structure(lambda array: array[places], self.labelled)
        x = tf.nest.map_structure(lambda *parts: stack_rows(parts), labelled, self.rows.x.take(others))
        numbers = np.concatenate([known, others])
        read = TrainingArrays(x, *(array[numbers] for array in self.rows[1:]))
        first, orders = 0, []
        for size in self.sizes:
            place = np.zeros((self.shape, size), np.int32)
            place[: window[1]] = first + np.arange(window[1] * size).reshape(window[1], size)
            first += window[1] * size
            orders.append(tf.constant(place))
        return self.program.tensors(read), tuple(orders)


def feed(program: Program, rows: TrainingArrays, *arguments: Any) -> Resident:
    """Return how the rows reach the steps."""
    return (Streamed if isinstance(rows.x, RowSource) else Resident)(program, rows, *arguments)
