"""Which rows each step sees."""

import numpy as np
import pytest

from ssvae.batches import LABELLED, UNLABELLED, order, window


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_every_pass_sees_every_row_once(rows):
    stream = order(rows, 0, 5 * rows, seed=3, stream=UNLABELLED).reshape(5, rows)
    np.testing.assert_array_equal(np.sort(stream, axis=1), np.tile(np.arange(rows), (5, 1)))
    assert stream.dtype == np.int32
    if rows > 10:
        assert all((stream[i] != stream[i + 1]).any() for i in range(4))


def test_is_a_function_of_seed_stream_and_position():
    whole = order(10, 0, 200, seed=3, stream=UNLABELLED)
    np.testing.assert_array_equal(order(10, 0, 200, seed=3, stream=UNLABELLED), whole)
    for start, count in ((0, 1), (9, 2), (10, 10), (37, 63), (199, 1)):
        np.testing.assert_array_equal(order(10, start, count, 3, UNLABELLED), whole[start : start + count])
    assert (order(10, 0, 200, seed=4, stream=UNLABELLED) != whole).any()


def test_streams_of_one_seed_are_independent():
    first, second = (order(50, 0, 50_000, seed=0, stream=stream) for stream in (LABELLED, UNLABELLED))
    together = np.histogram2d(first, second, bins=50)[0]
    # 2500 cells of mean 20: a chi-square of 2499 degrees of freedom less what the passes fix
    chi_square = ((together - 20) ** 2 / 20).sum()
    assert 2100 < chi_square < 2900


def test_windows_do_not_depend_on_how_many_steps_a_call_takes():
    whole = window(23, 5, 0, 40, seed=1, stream=LABELLED)
    assert whole.shape == (40, 5)
    parts = [window(23, 5, first, 8, seed=1, stream=LABELLED) for first in range(0, 40, 8)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(whole.ravel(), order(23, 0, 200, 1, LABELLED))


def test_a_batch_as_large_as_the_data_is_the_data():
    np.testing.assert_array_equal(np.sort(window(6, 6, 3, 2, 0, LABELLED), axis=1), np.tile(np.arange(6), (2, 1)))
