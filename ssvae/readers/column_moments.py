"""Means and standard deviations of columns, over rows that may stay on disk and have missing cells (NaN)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ssvae.readers.base import Rows

CHUNK = 4096  # rows in memory at a time


def chunks(x: Rows) -> Iterator[np.ndarray]:
    """Yield all rows in order, some at a time."""
    return (np.asarray(x[at : at + CHUNK]) for at in range(0, len(x), CHUNK))


def mean(x: Rows, function: Callable[[np.ndarray], np.ndarray] = np.asarray) -> np.ndarray:
    """Return the mean of function(rows) over rows x [N, D], float64 [D']; of a column, over its cells that are there.

    A column without any has mean 0.
    """
    total: np.ndarray | float = 0.0
    missing: np.ndarray | int = 0
    for rows in chunks(x):
        values = function(rows)
        sums = values.sum(axis=0, dtype=np.float64)
        if np.isnan(sums).any():
            gone = np.isnan(values)
            sums, missing = np.where(gone, 0.0, values).sum(axis=0, dtype=np.float64), missing + gone.sum(axis=0)
        total = total + sums
    return np.asarray(total / np.maximum(len(x) - missing, 1))


def standard_deviation(x: Rows, center: np.ndarray) -> np.ndarray:
    """Return the standard deviation of every column of x [N, D] around its mean, float64 [D]."""
    return np.sqrt(mean(x, lambda rows: np.square(rows - center)))
