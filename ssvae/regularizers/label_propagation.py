"""Label propagation: labels spread over the graph of nearest rows.

References
----------
Learning with Local and Global Consistency (Zhou, Bousquet, Lal, Weston and Schölkopf, 2004), eq. 3 by iteration; the
class mass normalisation of Semi-Supervised Learning Using Gaussian Fields and Harmonic Functions (Zhu, Ghahramani and
Lafferty, 2003), §4, for equal classes.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

SPREAD = 0.99  # share of each row's label that comes from its neighbours
ITERATIONS = 100


def propagate(neighbours: np.ndarray, index: np.ndarray, classes: int) -> np.ndarray:
    """Return class shares [N, K] float32, rows sum to one.

    Parameters
    ----------
    neighbours : ndarray [N, k]
        The nearest rows of each row.
    index : ndarray [N]
        Class index, -1 where there is no label.
    classes : int
        K.
    """
    rows, count = neighbours.shape
    near = (np.repeat(np.arange(rows), count), neighbours.ravel())
    graph = sparse.csr_matrix((np.ones(neighbours.size, np.float32), near), shape=(rows, rows))
    graph = graph.maximum(graph.T).minimum(1.0)
    root = sparse.diags(1.0 / np.sqrt(np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-12)))
    smooth = (root @ graph @ root).astype(np.float32)
    known = np.eye(classes, dtype=np.float32)[np.maximum(index, 0)] * (index >= 0)[:, None]
    mass = known
    for _ in range(ITERATIONS):
        mass = SPREAD * (smooth @ mass) + (1.0 - SPREAD) * known
    mass = mass / np.maximum(mass.sum(axis=0), 1e-12) + 1e-12  # a row that no label reaches gets equal shares
    return mass / mass.sum(axis=1, keepdims=True)
