"""The nearest rows of every row, for regularizers that compare a row with its neighbours."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.neighbors import NearestNeighbors

from ssvae.readers.sparse_table import SparseTable
from ssvae.types import StageRows

WIDEST = 50  # columns; more are brought down by PCA, which keeps the order of distances well and costs far less


def nearest(rows: StageRows, count: int) -> np.ndarray:
    """Return the `count` nearest other rows of each row by Euclidean distance, [N, count] int32.

    Parameters
    ----------
    rows : ndarray [N, D] or a nest whose first array is the mean of each row
    count : int
        0, or as many as wanted; where there are fewer other rows, rows come more than once.
    """
    x = rows[0] if isinstance(rows, tuple) else rows
    if count == 0 or len(x) < 2:
        return np.zeros((len(x), count), np.int32)
    if isinstance(x, SparseTable) and min(x.shape) > WIDEST:
        x = TruncatedSVD(WIDEST, random_state=0).fit_transform(x.matrix)
    x = np.asarray(x)
    if x.shape[1] > WIDEST and len(x) > WIDEST:
        x = PCA(WIDEST, svd_solver="covariance_eigh").fit_transform(x)
    found = NearestNeighbors(n_neighbors=min(count, len(x) - 1)).fit(x).kneighbors(return_distance=False)
    return np.resize(found.T, (count, len(x))).T.astype(np.int32)
