"""Which rows each step sees: two endless streams, each a pure function of (seed, stream, position)."""

from __future__ import annotations

import numpy as np

LABELLED, UNLABELLED = 0, 1


def order(rows: int, start: int, count: int, seed: int, stream: int) -> np.ndarray:
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

    Returns
    -------
    ndarray [count] int32
    """
    passes = range(start // rows, (start + count - 1) // rows + 1)
    shuffled = np.concatenate([np.random.default_rng([seed, stream, p]).permutation(rows) for p in passes])
    first = start - passes[0] * rows
    return shuffled[first : first + count].astype(np.int32)


def window(rows: int, batch: int, first_step: int, steps: int, seed: int, stream: int) -> np.ndarray:
    """Return the rows of `steps` minibatches from `first_step` on, [steps, batch] int32."""
    return order(rows, first_step * batch, steps * batch, seed, stream).reshape(steps, batch)
