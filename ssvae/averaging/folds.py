"""Folds of labelled rows for cross-validation that few rows of a class allow."""

from __future__ import annotations

import numpy as np

FOLDS = 5


def deal(index: np.ndarray, seed: int) -> np.ndarray:
    """Return the fold of each labelled row [n] with class index [n]: the rows of a class are dealt out in turn.

    A class's only row is in no fold, -1: it is always learnt from, and never predicted.
    """
    rng, folds, start = np.random.default_rng(seed), np.full(len(index), -1), 0
    for label in np.unique(index):
        own = rng.permutation(np.flatnonzero(index == label))
        if len(own) > 1:
            folds[own] = (start + np.arange(len(own))) % FOLDS
            start += len(own)
    return folds
