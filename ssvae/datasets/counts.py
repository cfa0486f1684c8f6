"""Counts of words as a sparse table."""

from __future__ import annotations

import numpy as np

from ssvae.readers.sparse_table import SparseTable


def count_table(row: np.ndarray, word: np.ndarray, count: np.ndarray, shape: tuple[int, int]) -> SparseTable:
    """Return counts as a sparse table [N, D].

    Parameters
    ----------
    row, word, count : ndarray of shape [entries]
        Number of times that a word occurs in a row; entries of the same cell are added.
    shape : tuple
        (N, D)
    """
    from scipy.sparse import coo_array

    return SparseTable(coo_array((count, (row, word)), shape))
