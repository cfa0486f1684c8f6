"""The nearest rows of every row, for regularizers that compare a row with its neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.neighbors import NearestNeighbors

from ssvae.readers.base import RowsInMemory, RowSource
from ssvae.readers.sparse_table import SparseTable
from ssvae.regularizers import approximate_neighbors
from ssvae.types import StageRows

WIDEST = 50  # columns; more are brought down by PCA, which keeps the order of distances well and costs far less
EXACT = 20_000  # rows up to which every row is compared with all others
SAMPLED = 20_000  # rows of a source that PCA is learnt from


def nearest(
    rows: StageRows, count: int, exact: int = EXACT, advance: Callable[[float], object] = lambda share: None
) -> np.ndarray:
    """Return the `count` nearest other rows of each row by Euclidean distance, [N, count] int32.

    Parameters
    ----------
    rows : ndarray [N, D], a nest whose first array is the mean of each row, or a source of either
        Of a source, at most `WIDEST` columns are in memory.
    count : int
        0, or as many as wanted; where there are fewer other rows, rows come more than once.
    exact : int
        Of more rows than this, at least 95 % of the neighbours are the true ones (`approximate_neighbors`).
    advance : callable
        Told from time to time which share of many rows is done.
    """
    number = len(rows[0] if isinstance(rows, tuple) else rows)
    if count == 0 or number < 2:
        return np.zeros((number, count), np.int32)
    x = _of_source(rows) if isinstance(rows, RowSource) else _narrow(_means(rows))
    filled = x.any(axis=0)
    x = x if filled.all() or not filled.any() else x[:, filled]
    wanted = min(count, number - 1)
    if number > exact:
        found = approximate_neighbors.nearest(x, wanted, advance)
    else:
        found = NearestNeighbors(n_neighbors=wanted).fit(x).kneighbors(return_distance=False)
    return np.resize(found.T, (count, number)).T.astype(np.int32)


def expected_seconds(rows: int) -> float:
    """Return about how many seconds `nearest` takes on two cores."""
    return 2.0 * (rows / 64_000) ** 1.5 if rows > EXACT else 15.0 * (rows / 64_000) ** 2


def _means(rows: RowsInMemory | tuple[np.ndarray, ...]) -> RowsInMemory:
    return rows[0] if isinstance(rows, tuple) else rows


def _narrow(x: RowsInMemory) -> np.ndarray:
    """Return rows of at most `WIDEST` columns, if they are not fewer than that themselves."""
    projection = _projection(x)
    if projection is None:
        return np.asarray(x)
    return projection.fit_transform(_plain(x))


def _projection(x: RowsInMemory) -> PCA | TruncatedSVD | None:
    """Return what brings rows like these down to `WIDEST` columns, None where that is not needed."""
    if min(x.shape) <= WIDEST:
        return None
    return (
        TruncatedSVD(WIDEST, random_state=0)
        if isinstance(x, SparseTable)
        else PCA(WIDEST, svd_solver="covariance_eigh")
    )


def _of_source(source: RowSource) -> np.ndarray:
    """Return the same of the rows of a source, read some at a time, and the projection learnt from some of them."""
    some = _means(source[:: -(-len(source) // SAMPLED)])
    projection = _projection(some)
    if projection is None:
        return np.concatenate([np.asarray(_means(rows), np.float32) for _, rows in source.chunks()])
    projection.fit(_plain(some))
    return np.concatenate(
        [projection.transform(_plain(_means(rows))).astype(np.float32) for _, rows in source.chunks()]
    )


def _plain(x: RowsInMemory) -> np.ndarray | csr_array:
    return x.matrix if isinstance(x, SparseTable) else x
