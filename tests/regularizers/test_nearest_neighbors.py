"""Neighbours of many rows, and of rows on disk, against scikit-learn's exact ones."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from ssvae.readers.npy import open_file
from ssvae.regularizers.nearest_neighbors import nearest

ROWS, K = 3000, 10


def rows(columns: int) -> np.ndarray:
    """Return rows around a curved sheet of four dimensions, in three classes, far from 0."""
    rng, y = np.random.default_rng(0), np.arange(ROWS) % 3
    h = rng.normal(size=(ROWS, 4)) + 2 * rng.normal(size=(3, 4))[y]
    x = np.tanh(h @ rng.normal(size=(4, 20)) / 2) @ rng.normal(size=(20, columns))
    return (x + 0.05 * rng.normal(size=x.shape) + 30.0).astype(np.float32)


def recall(found: np.ndarray, x: np.ndarray) -> float:
    """Return the share of the true neighbours that was found; nothing must be found twice, nor the row itself."""
    true = NearestNeighbors(n_neighbors=K).fit(x).kneighbors(return_distance=False)
    assert all(len({*own, at}) == K + 1 for at, own in enumerate(found))
    return float(np.mean([len({*a} & {*b}) / K for a, b in zip(found, true, strict=True)]))


@pytest.mark.parametrize("columns", [2, 10, 50])
def test_of_many_rows_nearly_all_neighbours_are_found(columns):
    x, done = rows(columns), []
    found = nearest(x, K, exact=100, advance=done.append)
    assert recall(found, x) >= 0.95
    assert done[-1] == 1.0
    np.testing.assert_array_equal(found, nearest(x, K, exact=100))
    padded = np.pad(x - x.mean(axis=0), ((0, 0), (0, 3)))
    assert recall(nearest(padded, K, exact=100), x) >= 0.95


def test_rows_that_cells_do_not_tell_apart_are_compared_with_all_others():
    x = np.random.default_rng(0).normal(size=(ROWS, 50)).astype(np.float32)
    assert recall(nearest(x, K, exact=100), x) > 0.999


def test_neighbours_of_equal_rows_are_equal():
    x = np.repeat(rows(4)[:100], 30, axis=0)
    found = nearest(x, K, exact=100)
    assert (found != np.arange(ROWS)[:, np.newaxis]).all()
    np.testing.assert_array_equal(x[found], np.repeat(x[:, np.newaxis], K, axis=1))


@pytest.mark.parametrize("columns", [10, 60])
def test_rows_on_disk_have_the_neighbours_of_those_in_memory(columns, tmp_path):
    x = rows(columns)
    np.save(tmp_path / "x.npy", x)
    source = open_file(tmp_path / "x.npy")
    compared = x if columns <= 50 else PCA(50).fit_transform(x)
    assert recall(nearest(source, K), compared) > 0.999
    assert recall(nearest(source.mapped(lambda some: (some, some)), K, exact=100), compared) >= 0.95
