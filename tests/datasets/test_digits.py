"""The default data set, real."""

import numpy as np
import pytest

from ssvae.datasets.digits import load


def test_split_is_fixed_and_stratified():
    data = load()
    assert data.x.shape == (1297, 64)
    assert data.x_test.shape == (500, 64)
    assert data.image_shape == (8, 8)
    assert data.x_valid is None
    share = np.bincount(data.y_test) / (np.bincount(data.y_test) + np.bincount(data.y))
    np.testing.assert_allclose(share, 500 / 1797, atol=0.01)


def test_no_row_is_both_learnt_from_and_held_out():
    data = load(valid=200)
    assert len(data.x) == 1097
    assert len(data.x_valid) == len(data.y_valid) == 200
    rows = np.concatenate([data.x, data.x_valid, data.x_test])
    from sklearn.datasets import load_digits

    whole = (load_digits().data / 16).astype(np.float32)
    assert sorted(map(bytes, rows)) == sorted(map(bytes, whole))
    np.testing.assert_array_equal(data.x_test, load().x_test)


def test_too_many_valid_rows():
    with pytest.raises(ValueError, match="1297 rows to hold out"):
        load(valid=1297)
