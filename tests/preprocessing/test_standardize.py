"""Columns of mean 0 and sd 1."""

import numpy as np

from ssvae.preprocessing.standardize import Standardize
from ssvae.readers.column_moments import CHUNK


def test_mean_and_sd():
    x = np.random.default_rng(0).normal([3, -200], [0.01, 50], (CHUNK + 100, 2)).astype(np.float32)
    t = Standardize().fit(x).transform(x)
    np.testing.assert_allclose(t.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(t.std(axis=0), 1, rtol=1e-4)


def test_log_jacobian_turns_a_density_back_to_original_units():
    """N(x; m, s²) = N(t(x); 0, 1) / s, for the fitted m and s."""
    x = np.random.default_rng(1).normal(7, 3, (500, 1)).astype(np.float32)
    piece = Standardize().fit(x)
    t, s = piece.transform(x)[:, 0].astype(np.float64), piece.sd_[0]
    in_units = -0.5 * np.log(2 * np.pi * s**2) - 0.5 * ((x[:, 0] - piece.mean_[0]) / s) ** 2
    np.testing.assert_allclose(-0.5 * np.log(2 * np.pi) - 0.5 * t**2 + piece.log_jacobian(x), in_units, atol=1e-5)


def test_constant_columns_are_noted_and_stay_in_their_unit():
    x = np.array([[0, 0.1, 1], [0, 0.1, 3]], np.float32)
    piece = Standardize().fit(x)
    assert piece.note == "2 constant column(s), left in their unit: 0, 1"
    assert piece.transform(x + [[1, 0, 0]])[:, 0].tolist() == [1, 1]
    np.testing.assert_allclose(piece.log_jacobian(x), 0)
    assert Standardize().fit(x[:, 2:]).note is None


def test_small_units_are_no_constants():
    x = np.array([[1e-9], [3e-9]], np.float32)
    np.testing.assert_allclose(Standardize().fit(x).transform(x)[:, 0], [-1, 1], rtol=1e-5)


def test_a_variation_that_float32_does_not_hold_is_kept():
    """Unix seconds differ by less than the gap between two float32 numbers of their size, 128."""
    x = np.array([[1.7e9 - 30, 1.7e12 - 30, 0.1], [1.7e9 + 30, 1.7e12 + 30, 0.1]] * 3000)
    piece = Standardize().fit(x)
    np.testing.assert_allclose(piece.transform(x[:2]), [[-1, -1, 0], [1, 1, 0]], atol=0.02)
    assert piece.note == "1 constant column(s), left in their unit: 2"
    np.testing.assert_allclose(piece.sd_[:2], 30.0, rtol=1e-2)


def test_numbers_that_float32_holds_give_the_same_columns_as_float64():
    x = np.random.default_rng(0).normal(5, 2, (CHUNK + 100, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        Standardize().fit(x.astype(np.float64)).transform(x.astype(np.float64)), Standardize().fit(x).transform(x)
    )
