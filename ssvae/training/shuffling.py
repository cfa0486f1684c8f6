"""Shuffling: two endless streams of rows, each a pure function of (seed, stream, position)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

LABELLED, UNLABELLED = 0, 1
MANY = 2**16  # rows whose order takes longer to draw than to look up
WINDOW = 2**24  # bytes of rows that are shuffled together, where a file gives its rows in blocks


@dataclass(frozen=True, eq=False)
class Blocks:
    """Rows that are read together: a stream of them is shuffled by blocks, and then within windows.

    Parameters
    ----------
    starts : ndarray [blocks + 1]
        Where each begins in the stream.
    window : int
        Rows of the stream that are shuffled together.
    """

    starts: np.ndarray
    window: int


def order(rows: int, start: int, count: int, seed: int, stream: int, blocks: Blocks | None = None) -> np.ndarray:
    """Return positions [start, start + count) of an endless stream of reshuffled passes over `rows` rows.

    Parameters
    ----------
    rows : int
        N of the stream.
    start, count : int
        The window of the stream.
    seed : int
    stream : int
        `LABELLED` or `UNLABELLED`: two streams of one seed are independent.
    blocks : Blocks, optional
        Without, every order of the rows is equally probable.

    Returns
    -------
    ndarray [count] int32
    """
    passes = range(start // rows, (start + count - 1) // rows + 1)
    one_pass = _kept_pass if rows > MANY else _one_pass
    shuffled = np.concatenate([one_pass(rows, seed, stream, number, blocks) for number in passes])
    first = start - passes[0] * rows
    return shuffled[first : first + count]


def _one_pass(rows: int, seed: int, stream: int, number: int, blocks: Blocks | None) -> np.ndarray:
    """Return one order of the rows."""
    rng = np.random.default_rng([seed, stream, number])
    if blocks is None or blocks.window >= rows:
        return rng.permutation(np.arange(rows, dtype=np.int32))
    lengths = np.diff(blocks.starts)
    rank = np.repeat(rng.permutation(len(lengths)), lengths)
    by_blocks = np.argsort(rank, kind="stable").astype(np.int32)
    return by_blocks[np.argsort(np.arange(rows) // blocks.window + rng.random(rows))]


_kept_pass = lru_cache(maxsize=2)(_one_pass)  # this pass and the next: many windows are taken out of each


def window(
    rows: int, batch: int, first_step: int, steps: int, seed: int, stream: int, blocks: Blocks | None = None
) -> np.ndarray:
    """Return the rows of `steps` minibatches from `first_step` on, [steps, batch] int32."""
    return order(rows, first_step * batch, steps * batch, seed, stream, blocks).reshape(steps, batch)
