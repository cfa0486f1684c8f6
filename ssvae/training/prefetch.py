"""Feeds of rows to the training steps: all rows as tensors, or those of a window of steps made ready ahead of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from ssvae.backend import aligned_arrays, random, seeds
from ssvae.backend.aligned_arrays import is_aligned
from ssvae.readers.base import RowSource
from ssvae.readers.sparse_table import stack_rows
from ssvae.training.minibatch import TrainingArrays, draw_neighbours
from ssvae.training.program import Orders, Program
from ssvae.training.streams import Streams
from ssvae.types import StageRows

LARGE = 2**25  # bytes of rows beyond which a second copy is avoided

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

    def take(self, known: np.ndarray, others: np.ndarray) -> StageRows:
        """Return labelled rows of these numbers and then others."""
        index = np.searchsorted(self.streams.labelled, known)
        labelled = tf.nest.map_structure(lambda array: array[index], self.labelled)
        return tf.nest.map_structure(lambda *parts: stack_rows(parts), labelled, self.source.take(others))

    def _read(self, window: Window) -> Fed:
        """Return the rows of a window in the order of its steps."""
        orders = self.orders(window)
        known, others = (order[: window[1]].ravel() for order in orders)
        drawn = self._neighbours(orders[1], window)
        x = self.take(known, np.concatenate([others, drawn]))
        numbers, first = np.concatenate([known, others, drawn]), len(known)
        read = TrainingArrays(x, *(array[numbers] for array in self.rows[1:]))
        if len(drawn):  # the neighbour that a row has drawn is the only one it has here
            read.neighbours[:] = 0
            read.neighbours[first : first + len(others)] = (first + len(others) + np.arange(len(drawn)))[:, np.newaxis]
        here = self._numbered(0, self.sizes[0], window), self._numbered(first, self.sizes[1], window)
        return self.program.tensors(read), here

    def _neighbours(self, order: np.ndarray, window: Window) -> np.ndarray:
        """Return the row that each unlabelled row of a window draws from its nearest ones; none where none is asked."""
        if not (self.rows.neighbours.shape[1] and self.program.with_neighbours and self.program.used[1]):
            return np.zeros(0, np.int64)
        key = random.fold(random.seed_tensor(self.seed), seeds.NEIGHBOURS)
        drawn = draw_neighbours(self.rows, tf.constant(order), key, tf.constant(window[0], tf.int64))
        return np.array(drawn)[: window[1]].ravel()

    def _numbered(self, first: int, size: int, window: Window) -> tf.Tensor:
        """Return the order of rows that were read in the order of the steps, from row `first` on."""
        order = np.zeros((self.shape, size), np.int32)
        order[: window[1]] = first + np.arange(window[1] * size).reshape(window[1], size)
        return tf.constant(order)


class GatheredFeed(StreamedFeed):
    """The rows of each window gathered from an array, so that there is no second copy of all rows."""

    def begin(self) -> None:
        """See `ResidentFeed.begin`: the rows stay where they are."""

    def take(self, known: np.ndarray, others: np.ndarray) -> StageRows:
        """See `StreamedFeed.take`."""
        assert isinstance(self.rows.x, np.ndarray)
        found = aligned_arrays.empty((len(known) + len(others), self.rows.x.shape[1]))
        for numbers, part in ((known, found[: len(known)]), (others, found[len(known) :])):
            np.take(self.rows.x, numbers, axis=0, out=part, mode="clip")  # unlike "raise" it needs no buffer
        return found


def feed(
    program: Program, rows: TrainingArrays, streams: Streams, sizes: tuple[int, int], shape: int, seed: int
) -> ResidentFeed:
    """Return the feed that suits the rows.

    Those of a source on disk are read ahead. On a CPU, the rows of a large array are gathered window by window where
    TensorFlow could not share its memory.
    """
    x = rows.x
    large = isinstance(x, np.ndarray) and x.dtype == np.float32 and x.nbytes > LARGE and not is_aligned(x)
    kind: type[ResidentFeed] = GatheredFeed if large and program.in_memory else ResidentFeed
    kind = StreamedFeed if isinstance(x, RowSource) else kind
    return kind(program, rows, streams, sizes, shape, seed)
