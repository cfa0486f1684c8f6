"""Draws of labelled rows, hidden labels and hold-outs."""

import numpy as np
import pytest

from ssvae.label_vector import has_label
from ssvae.splits import choose_labeled, hide_labels, holdout

Y = np.repeat(np.arange(10), 30)


class TestChooseLabeled:
    @pytest.mark.parametrize("labels", [10, 100, 107, 299])
    def test_balanced(self, labels):
        rows = choose_labeled(Y, labels, seed=3)
        counts = np.bincount(Y[rows], minlength=10)
        assert len(set(rows)) == labels
        assert set(counts) <= {labels // 10, -(-labels // 10)}

    def test_pure_function_of_y_and_seed(self):
        state = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what must not move
        first = choose_labeled(Y, 100, seed=1)
        np.testing.assert_array_equal(first, choose_labeled(Y, 100, seed=1))
        assert not np.array_equal(first, choose_labeled(Y, 100, seed=2))
        np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002

    def test_the_rest_goes_to_classes_of_the_seed(self):
        favoured = {tuple(np.bincount(Y[choose_labeled(Y, 13, seed=s)])) for s in range(5)}
        assert len(favoured) > 1

    def test_only_rows_with_a_label(self):
        y = np.where(np.arange(300) % 2, Y, -1)
        assert (y[choose_labeled(y, 100, seed=0)] >= 0).all()

    def test_words(self):
        y = np.array(["a", "b", -1, "a", "b"], dtype=object)
        assert sorted(y[choose_labeled(y, 2, seed=0)]) == ["a", "b"]

    def test_all_rows_whatever_their_counts(self):
        assert choose_labeled([0, 0, 0, 1, -1], 4, seed=0).tolist() == [0, 1, 2, 3]

    @pytest.mark.parametrize(
        ("y", "labels", "words"),
        [
            (Y, 9, "labels=9 for 10 classes"),
            (Y, 0, "at least one label per class"),
            (Y, 301, "needs 31 rows of a class"),
            ([0, 0, 0, 0, 7], 4, r"class '7' has only 1; ask for at most 2 labels, or for all 5"),
            ([-1, -1], 2, "no row has a label"),
        ],
    )
    def test_errors(self, y, labels, words):
        with pytest.raises(ValueError, match=words):
            choose_labeled(y, labels, seed=0)


class TestHideLabels:
    @pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, bool])
    def test_integers_stay_integers(self, dtype):
        y = np.array([1, 0, 1], dtype=dtype)
        hidden = hide_labels(y, [2])
        assert hidden.dtype.kind == "i"
        assert hidden.tolist() == [-1, -1, 1]
        assert y.tolist() == [1, 0, 1]

    def test_words_become_objects(self):
        hidden = hide_labels(np.array(["cat", "dog"]), [0])
        assert hidden.dtype == object
        assert hidden.tolist() == ["cat", -1]
        assert has_label(hidden).tolist() == [True, False]

    def test_another_mark(self):
        assert hide_labels([1, 2], [1], unlabeled="?").tolist() == ["?", 2]
        assert hide_labels([1, 2], [], unlabeled=-9).tolist() == [-9, -9]


class TestHoldout:
    def test_share_and_rows(self):
        assert len(holdout(Y, 0.2, seed=0)) == len(holdout(Y, 60, seed=0)) == 60
        assert np.bincount(Y[holdout(Y, 0.2, seed=0)]).tolist() == [6] * 10
        assert len(holdout(Y, 0, seed=0)) == 0

    def test_exact_for_uneven_classes(self):
        y = np.repeat([0, 1, 2], [50, 3, 1])
        held = holdout(y, 11, seed=0)
        assert len(held) == 11
        assert 2 not in y[held]
        assert len(holdout(y, 51, seed=0)) == 51

    def test_seeded(self):
        np.testing.assert_array_equal(holdout(Y, 50, seed=5), holdout(Y, 50, seed=5))
        assert not np.array_equal(holdout(Y, 50, seed=5), holdout(Y, 50, seed=6))

    def test_unlabelled_rows_stay(self):
        y = np.where(np.arange(300) % 3, Y, -1)
        assert (y[holdout(y, 0.5, seed=0)] >= 0).all()
        assert len(holdout([-1, -1], 0.5, seed=0)) == 0

    @pytest.mark.parametrize("amount", [1.0, -0.1, 291, -1])
    def test_errors(self, amount):
        with pytest.raises(ValueError, match="to hold out"):
            holdout(Y, amount, seed=0)
