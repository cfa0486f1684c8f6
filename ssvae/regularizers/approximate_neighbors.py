"""Nearest neighbours of very many rows: an inverted file, which compares a row with those of the nearest cells alone.

References
----------
Product quantization for nearest neighbor search (Jégou, Douze and Schmid, 2011), §4, for the inverted file.
The Faiss library (Douze et al., 2024), which computes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

RECALL = 0.97  # of a sample's neighbours that must be found, so that of all rows' at least 0.95 are
SAMPLE = 500
PROBES = 8  # nearest cells that are searched, or twice as many, or four times ...
WORTH = 8  # beyond this share of the cells, comparing with every row is quicker
CHUNK = 2**13  # rows a call, after which Ctrl-C is answered
ROWS_A_CELL = 40  # at least; k-means looks at as many

# (rows [n, D], k) -> their squared distances from the k nearest rows, and the numbers of these, both [n, k]
Search: TypeAlias = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def nearest(x: np.ndarray, count: int, advance: Callable[[float], object]) -> np.ndarray:
    """Return the `count` nearest other rows of each row, at least 95 % of them the true ones, [N, count] int32.

    Parameters
    ----------
    x : ndarray [N, D]
    count : int
        Less than N.
    advance : callable
        Told which share of the rows is done.
    """
    x = np.ascontiguousarray(x - x.mean(axis=0), np.float32)
    search, found = _search(x, count + 1), np.empty((len(x), count), np.int32)
    for begin in range(0, len(x), CHUNK):
        end = min(begin + CHUNK, len(x))
        found[begin:end] = _others(search(x[begin:end], count + 1)[1], np.arange(begin, end))
        advance(end / len(x))
    return found


def _search(x: np.ndarray, count: int) -> Search:
    """Return the search that finds enough of the true neighbours of a sample: of few cells, or of all rows."""
    import faiss

    exact, index = partial(_exact, faiss.knn, x), _index(faiss, x)
    sample = x[np.random.default_rng(0).choice(len(x), SAMPLE)]
    farthest = 1.001 * exact(sample, count)[0][:, -1:]
    index.nprobe = PROBES
    while index.nprobe * WORTH <= index.nlist:
        if (index.search(sample, count)[0][:, 1:] <= farthest).mean() >= RECALL:
            return index.search
        index.nprobe *= 2
    return exact


def _exact(knn: Callable[..., Any], x: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    return knn(rows, x, count)


def _index(faiss: Any, x: np.ndarray) -> Any:
    """Return the rows in cells around the centres that k-means finds; its seed is faiss' own constant."""
    cells = int(min(4.0 * math.sqrt(len(x)), len(x) // ROWS_A_CELL))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(x.shape[1]), x.shape[1], cells)
    index.cp.niter, index.cp.max_points_per_centroid = 4, ROWS_A_CELL
    index.train(x)
    index.add(x)
    return index


def _others(found: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return what was found [n, k + 1] without the row itself, or else without the farthest, [n, k]."""
    order = np.argsort(found == own[:, np.newaxis], axis=1, kind="stable")
    others = np.take_along_axis(found, order, axis=1)[:, :-1]
    return np.where(others < 0, others[:, :1].clip(0), others)  # -1 where the cells that were searched hold fewer
