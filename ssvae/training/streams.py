"""The labelled and the unlabelled stream of rows, and the steps of an epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ssvae.readers.base import RowSource
from ssvae.readers.sparse_table import SparseTable
from ssvae.training import shuffling
from ssvae.types import StageRows

STEPS_PER_CALL = 128  # long enough to hide the call, short enough to answer Ctrl-C within seconds
BYTES_PER_CALL = 2**24  # rows that are gathered for one call: a cacheful, more gains nothing
READ_PER_CALL = 2**22  # the same for rows that are read, of which some calls' are in memory: those before and after


class Streams(NamedTuple):
    """Which rows each of the two endless streams is made of; one of them may be empty."""

    labelled: np.ndarray  # [N_l] row numbers
    unlabelled: np.ndarray  # [N_u]
    blocks: shuffling.Blocks | None = None  # of the unlabelled rows, where they are read in blocks

    def sizes(self, labelled: int, unlabelled: int) -> tuple[int, int]:
        """Return how many rows of each a step takes, of those wanted."""
        return min(labelled, len(self.labelled)), min(unlabelled, len(self.unlabelled))

    def steps(self, sizes: tuple[int, int]) -> int:
        """Return the steps of an epoch, which is a pass over the unlabelled rows where there are any."""
        leading = 1 if sizes[1] else 0
        return -(-len(self[:2][leading]) // sizes[leading])

    def orders(self, sizes: tuple[int, int], start: int, count: int, shape: int, seed: int) -> tuple[np.ndarray, ...]:
        """Return the rows of steps [start, start + count) of each stream, [shape, size] int32, zeros beyond `count`."""
        orders = []
        for stream, size, blocks in zip(
            (shuffling.LABELLED, shuffling.UNLABELLED), sizes, (None, self.blocks), strict=True
        ):
            order, rows = np.zeros((shape, size), np.int32), self[:2][stream]
            if size:
                order[:count] = rows[shuffling.window(len(rows), size, start, count, seed, stream, blocks)]
            orders.append(order)
        return tuple(orders)


def blocks(x: StageRows, rows: np.ndarray) -> shuffling.Blocks | None:
    """Return how the rows of x with these numbers, in rising order, are to be shuffled; None: all of them together."""
    if not isinstance(x, RowSource) or x.block_starts is None or not len(rows):
        return None
    starts = np.unique(np.searchsorted(rows, x.block_starts))
    return shuffling.Blocks(starts, max(1, shuffling.WINDOW // (x.shape[1] * x.dtype.itemsize)))


def steps_per_call(x: StageRows, sizes: tuple[int, int]) -> int:
    """Return how many steps' rows are gathered together."""
    most = READ_PER_CALL if isinstance(x, RowSource) else BYTES_PER_CALL
    first = x[:1] if isinstance(x, RowSource) else x
    arrays = [] if isinstance(first, SparseTable) else tf.nest.flatten(first)
    row = first.dense_row_bytes() if isinstance(first, SparseTable) else sum(a[0].size * a.itemsize for a in arrays)
    return int(np.clip(most // (row * sum(sizes)), 1, STEPS_PER_CALL))
