"""Principal components with one scale."""

import numpy as np
import pytest

from ssvae.preprocessing.pca import PCA

X = (np.random.default_rng(0).normal(size=(200, 6)) * [9, 5, 3, 1, 0.5, 0.1] + 4).astype(np.float32)


def test_one_scale_for_all_components():
    t = PCA(components=3).fit(X).transform(X)
    sd = t.std(axis=0)
    np.testing.assert_allclose(np.sqrt(np.mean(t**2)), 1, rtol=1e-4)
    np.testing.assert_allclose(sd / sd[0], [1, 5 / 9, 3 / 9], rtol=0.15)


def test_inverse_is_the_nearest_point():
    piece = PCA(components=5).fit(X)
    np.testing.assert_allclose(piece.inverse(piece.transform(X)), X, atol=0.5)
    whole = PCA(components=6).fit(X)
    np.testing.assert_allclose(whole.inverse(whole.transform(X)), X, atol=1e-3)


def test_rows_are_drawn_by_the_seed():
    fits = [PCA(components=2, rows=50, seed=seed).fit(X).mean_ for seed in (0, 0, 1)]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.allclose(fits[0], fits[2])


def test_fewer_rows_than_columns():
    piece = PCA(components=3).fit(X[:4])
    assert piece.transform(X).shape == (200, 3)
    assert "principal components" in piece.note


@pytest.mark.parametrize(("components", "x"), [(7, X), (0, X), (5, X[:4])])
def test_too_many_components(components, x):
    with pytest.raises(ValueError, match=f"components={components} of"):
        PCA(components=components).fit(x)


def test_equal_rows():
    with pytest.raises(ValueError, match="all rows to fit on are equal"):
        PCA(components=1).fit(np.ones((5, 3), np.float32))
