"""Columns with missing cells, against numpy's own statistics that skip them."""

import numpy as np
import pytest

from ssvae.preprocessing.columns import Columns
from ssvae.readers import column_moments

RNG = np.random.default_rng(0)
X = RNG.normal([5, -2, 0.5, 7], [3, 0.1, 1, 1], (5000, 4))
X[RNG.uniform(size=X.shape) < [0.3, 0.0, 0.9, 0.0]] = np.nan
X[:, 3] = 1.0


def test_moments_are_those_of_the_cells_that_are_there():
    mean = column_moments.mean(X)
    np.testing.assert_allclose(mean, np.nanmean(X, axis=0), rtol=1e-12)
    np.testing.assert_allclose(column_moments.standard_deviation(X, mean), np.nanstd(X, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(column_moments.mean(np.full((3, 1), np.nan)), [0.0])


def test_cells_are_scaled_filled_and_flagged():
    piece = Columns(standardized=[0, 1]).fit(X)
    t, there = piece.transform(X), ~np.isnan(X)
    assert piece.gaps == (0, 2)
    scale, center = [np.nanstd(X[:, 0]), np.std(X[:, 1]), 1, 1], [np.nanmean(X[:, 0]), np.mean(X[:, 1]), 0, 0]
    np.testing.assert_allclose(t[:, :4], np.where(there, (X - center) / scale, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(t[:, 4:], there[:, [0, 2]])
    np.testing.assert_allclose(piece.inverse(t)[there], X[there], rtol=1e-5)
    with pytest.raises(ValueError, match="gives rows of 6 columns"):
        piece.inverse(t[:, :4])


@pytest.mark.parametrize("standardized", [3, "ab", [1.5], [-1], [True]])
def test_columns_to_standardize_are_a_list_of_numbers(standardized):
    with pytest.raises(ValueError, match="standardized of preprocessing 'columns' must be a list of numbers"):
        Columns(standardized)


def test_the_density_is_that_of_the_cells_that_are_there():
    """A row without its first cell has the density of the other cells: the unit of the first does not count."""
    piece = Columns().fit(X[:, :3])
    truth = -(~np.isnan(X[:, :3]) * np.log(np.nanstd(X[:, :3], axis=0))).sum(axis=1)
    np.testing.assert_allclose(piece.log_jacobian(X[:, :3]), truth, rtol=1e-6)


def test_a_column_with_large_numbers_may_begin_with_a_gap():
    x = np.r_[np.nan, 1.7e9 + RNG.normal(0, 30, 4999)][:, None]
    t = Columns().fit(x).transform(x)
    assert t[0, 0] == 0
    assert abs(t[1:, 0].std() - 1) < 1e-3
