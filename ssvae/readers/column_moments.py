"""Means and standard deviations of columns, over rows that may stay on disk."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssvae.readers.base import Rows

CHUNK = 4096  # rows in memory at a time


def mean(x: Rows, function: Callable[[np.ndarray], np.ndarray] = np.asarray) -> np.ndarray:
    """Return the mean of function(rows) over rows x [N, D], float64 [D']."""
    chunks = (function(np.asarray(x[at : at + CHUNK])) for at in range(0, len(x), CHUNK))
    return sum(chunk.sum(axis=0, dtype=np.float64) for chunk in chunks) / len(x)


def standard_deviation(x: Rows, center: np.ndarray) -> np.ndarray:
    """Return the standard deviation of every column of x [N, D] around its mean, float64 [D]."""
    return np.sqrt(mean(x, lambda rows: np.square(rows - center)))
