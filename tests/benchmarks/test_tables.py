"""Draws and numbers of the benchmark on tables."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from tables import calibration_error, draw, measure


def test_a_draw_splits_rows_and_balances_labels():
    y = np.repeat([0, 1, 2], [400, 100, 12])
    own = draw(pd.DataFrame({"row": np.arange(512)}), y, 10, 0, most=300)
    rows, tested = own.x["row"].to_numpy(), own.x_test["row"].to_numpy()
    assert not {*rows} & {*tested}
    assert len(rows) == 300
    np.testing.assert_array_equal(own.y_test, y[tested])
    known = own.y >= 0
    np.testing.assert_array_equal(own.y[known], y[rows[known]])
    smallest = (y[rows] == 2).sum() // 2  # half of its rows
    np.testing.assert_array_equal(np.bincount(own.y[known]), [10, 10, smallest])


def test_numbers_of_known_answers():
    y = np.array([0, 0, 1, 1])
    sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    found = measure(sure, y)
    assert found["error"] == 25
    assert found["nll"] == pytest.approx(-(3 * np.log(0.9) + np.log(0.1)) / 4)
    assert calibration_error(sure, y) == pytest.approx(15)  # confidence 0.9, accuracy 0.75
    assert found["largest_share"] == 0.75
    assert found["auc"] == 0.75
