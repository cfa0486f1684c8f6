"""Label propagation: labels spread over the graph of nearest rows.

References
----------
Learning with Local and Global Consistency (Zhou, Bousquet, Lal, Weston and Schölkopf, 2004), eq. 3 by iteration; the
class mass normalisation of Semi-Supervised Learning Using Gaussian Fields and Harmonic Functions (Zhu, Ghahramani and
Lafferty, 2003), §4, for equal classes. A Coefficient of Agreement for Nominal Scales (Cohen, 1960), eqs. 1 and 6.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

SPREAD = 0.99  # share of each row's label that comes from its neighbours
ITERATIONS = 100
FOLDS = 10  # of the labelled rows, in `agreement`


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


def agreement(neighbours: np.ndarray, index: np.ndarray, classes: int) -> float:
    """Return how well labels that are propagated to labelled rows agree with their own: Cohen's κ less its s.e.

    Each labelled row is asked for from the labels of the other folds, but for the only one of a class. 1: neighbours
    are of one class, or every class has one label, which tells nothing; 0, which it is at least: they are so no more
    often than by chance, as far as so few labels can tell.

    Parameters
    ----------
    neighbours : ndarray [N, k]
        The nearest rows of each row.
    index : ndarray [N]
        Class index, -1 where there is no label.
    classes : int
        K.
    """
    several = np.bincount(index[index >= 0], minlength=classes) > 1
    known = np.flatnonzero((index >= 0) & several[index])
    if not len(known):
        return 1.0
    known = known[np.argsort(index[known], kind="stable")]  # so that every fold has its share of every class
    found = np.empty(len(known), int)
    for fold in range(min(FOLDS, len(known))):
        own, hidden = slice(fold, None, FOLDS), index.copy()
        hidden[known[own]] = -1
        found[own] = propagate(neighbours, hidden, classes)[known[own]].argmax(axis=1)
    shares = [np.bincount(each, minlength=classes) / len(known) for each in (index[known], found)]
    chance, right = float(shares[0] @ shares[1]), float(np.mean(found == index[known]))
    doubt = float(np.sqrt(right * (1.0 - right) / len(known)))
    return max(0.0, (right - doubt - chance) / max(1.0 - chance, 1e-12))
