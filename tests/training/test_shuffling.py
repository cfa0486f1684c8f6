"""Which rows each step sees."""

import numpy as np
import pytest

from ssvae.training.shuffling import LABELLED, UNLABELLED, Blocks, order, window


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


def test_a_pass_in_blocks_sees_every_row_once_and_few_blocks_at_a_time():
    rows, starts = 1000, np.array([0, 90, 200, 290, 400, 490, 600, 690, 800, 890, 1000])
    passes = order(rows, 0, 3 * rows, 0, UNLABELLED, Blocks(starts, 150)).reshape(3, rows)
    for stream in passes:
        np.testing.assert_array_equal(np.sort(stream), np.arange(rows))
        blocks = np.searchsorted(starts, stream, side="right")
        seen = [len(np.unique(blocks[at : at + 150])) for at in range(0, rows, 150)]
        assert max(seen) <= 4  # 150 rows are at most four blocks of 90 or more, of which two are cut
        assert len(np.unique(blocks)) == 10
        near = stream[:150]  # within a window all orders are equally probable
        assert abs(np.corrcoef(np.arange(150), near)[0, 1]) < 0.9
        assert (np.diff(near) != 1).mean() > 0.9
    assert len({tuple(stream) for stream in passes}) == 3


def test_one_window_for_all_rows_is_no_window():
    blocks = Blocks(np.array([0, 5, 10]), 10)
    np.testing.assert_array_equal(order(10, 3, 40, 1, UNLABELLED, blocks), order(10, 3, 40, 1, UNLABELLED))


def test_rows_of_a_window_are_in_any_order():
    """How often each place of a window has each of its rows: 25 cells of mean 400."""
    counts, blocks = np.zeros((5, 5)), Blocks(np.array([0, 5, 10]), 5)
    for seed in range(2000):
        first = order(10, 0, 5, seed, UNLABELLED, blocks)
        counts[np.arange(5), first % 5] += 1
    assert ((counts - 400) ** 2 / 400).sum() < 45  # 16 degrees of freedom: exceeded once in 7000 seeds
