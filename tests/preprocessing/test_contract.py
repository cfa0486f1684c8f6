"""What every preprocessing of the table keeps to."""

import numpy as np
import pytest

from ssvae.preprocessing import PREPROCESSING
from ssvae.preprocessing.base import Preprocessing

SETTINGS = {"pca": {"components": 3, "rows": 50}}


@pytest.fixture(params=PREPROCESSING.names())
def fitted(request):
    """Return a fitted preprocessing of 5 columns, and its rows."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(80, 5)) @ rng.normal(size=(5, 5)) + [0, 5, 10, -3, 100]).astype(np.float32)
    piece = PREPROCESSING.build({"name": request.param, **SETTINGS.get(request.param, {})})
    assert piece.fit(x) is piece
    return piece, x


def test_transform_is_finite_float32(fitted):
    piece, x = fitted
    t = piece.transform(x)
    assert isinstance(piece, Preprocessing)
    assert t.dtype == np.float32
    assert t.ndim == 2
    assert len(t) == len(x)
    assert np.isfinite(t).all()
    assert piece.inverse(t).shape == x.shape
    assert piece.inverse(t).dtype == np.float32


def test_inverse_maps_back(fitted):
    piece, x = fitted
    t = piece.transform(x)
    np.testing.assert_allclose(piece.transform(piece.inverse(t)), t, atol=1e-4)
    if piece.original_units:
        np.testing.assert_allclose(piece.inverse(t), x, rtol=1e-5, atol=1e-4)


def test_log_jacobian_is_that_of_the_map(fitted):
    piece, x = fitted
    value = piece.log_jacobian(x)
    assert value.shape == (len(x),)
    if not piece.original_units:
        assert np.isnan(value).all()
        return
    step = 0.5  # the maps are affine, so that a large step is exact and spares single precision
    around = piece.transform(x[:1] + step * np.eye(5)).astype(np.float64) - piece.transform(x[:1])
    sign, truth = np.linalg.slogdet(around / step)
    assert sign != 0
    np.testing.assert_allclose(value[0], truth, atol=1e-3)


def test_restored_from_arrays_it_is_the_same_map(fitted):
    piece, x = fitted
    twin = type(piece).from_arrays(piece.arrays(), **piece.get_config())
    np.testing.assert_array_equal(twin.transform(x), piece.transform(x))
    np.testing.assert_array_equal(twin.log_jacobian(x), piece.log_jacobian(x))
    assert twin.get_config() == piece.get_config()
    assert all(isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in piece.arrays().values())


def test_fit_is_deterministic(fitted):
    piece, x = fitted
    twin = type(piece)(**piece.get_config()).fit(x)
    np.testing.assert_array_equal(twin.transform(x), piece.transform(x))


def test_foreign_arrays_are_refused(fitted):
    piece, _ = fitted
    with pytest.raises(ValueError, match="restored from arrays"):
        type(piece).from_arrays({"other": np.zeros(3)}, **piece.get_config())


def test_misuse_is_said(fitted):
    piece, x = fitted
    if not piece.learnt:
        return
    with pytest.raises(RuntimeError, match="not fitted"):
        type(piece)().transform(x)
    with pytest.raises(ValueError, match="fitted on 5 columns"):
        piece.transform(x[:, :4])
