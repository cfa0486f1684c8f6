"""Feeds of rows to the training steps: all rows resident, or those of a window of steps read ahead of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from ssvae.readers.base import RowSource
from ssvae.readers.sparse_table import stack_rows
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.program import Orders, Program
from ssvae.training.streams import Streams

# Steps that are taken in one call: the number of the first, and how many.
Window: TypeAlias = tuple[int, int]
# The rows on the device of each replica, and which of them each step takes.
Fed: TypeAlias = tuple[tuple[TrainingArrays, ...], Orders]


class ResidentFeed:
    """All rows, put where the steps run once.

    Parameters
    ----------
    program : Program
    rows : TrainingArrays
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

    def __call__(self, windows: Sequence[Window]) -> Iterator[Fed]:
        """Yield rows, and which of them each step takes [shape, size] of each stream, window by window."""
        for window in windows:
            labelled, unlabelled = self.orders(window)
            yield self.data, (tf.constant(labelled), tf.constant(unlabelled))

    def orders(self, window: Window) -> tuple[np.ndarray, ...]:
        """Return the rows of the steps of a window."""
        # One shape for all, because XLA compiles for shapes: what is beyond the window is not looked at.
        return self.streams.orders(self.sizes, *window, self.shape, self.seed)


class StreamedFeed(ResidentFeed):
    """The labelled rows in memory, the others read from a `RowSource` in a thread while the steps before are taken."""

    def begin(self) -> None:
        """Read the labelled rows."""
        assert isinstance(self.rows.x, RowSource)
        self.source = self.rows.x
        self.labelled = self.source[self.streams.labelled]

    def __call__(self, windows: Sequence[Window]) -> Iterator[Fed]:
        """See `ResidentFeed`."""
        with ThreadPoolExecutor(1, thread_name_prefix="ssvae-rows") as pool:
            ahead = pool.submit(self._read, windows[0])
            for following in [*windows[1:], None]:
                found = ahead.result()
                if following is not None:
                    ahead = pool.submit(self._read, following)
                yield found

    def _read(self, window: Window) -> Fed:
        """Return the rows of a window in the order of its steps."""
        known, others = (order[: window[1]].ravel() for order in self.orders(window))
        index = np.searchsorted(self.streams.labelled, known)
        labelled = tf.nest.map_structure(lambda array: array[index], self.labelled)
        x = tf.nest.map_structure(lambda *parts: stack_rows(parts), labelled, self.source.take(others))
        numbers = np.concatenate([known, others])
        read = TrainingArrays(x, *(array[numbers] for array in self.rows[1:]))
        first = len(known)
        orders = self._numbered(0, self.sizes[0], window), self._numbered(first, self.sizes[1], window)
        return self.program.tensors(read), orders

    def _numbered(self, first: int, size: int, window: Window) -> tf.Tensor:
        """Return the order of rows that were read in the order of the steps, from row `first` on."""
        order = np.zeros((self.shape, size), np.int32)
        order[: window[1]] = first + np.arange(window[1] * size).reshape(window[1], size)
        return tf.constant(order)


def feed(
    program: Program, rows: TrainingArrays, streams: Streams, sizes: tuple[int, int], shape: int, seed: int
) -> ResidentFeed:
    """Return the feed that suits the rows: those of a source on disk are read ahead."""
    kind = StreamedFeed if isinstance(rows.x, RowSource) else ResidentFeed
    return kind(program, rows, streams, sizes, shape, seed)
