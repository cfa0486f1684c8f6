"""What a batch says of its rows."""

import numpy as np
import tensorflow as tf

from ssvae.training.minibatch import TrainingArrays, batches, candidates, tensors

X = np.arange(12, dtype=np.float32).reshape(4, 3)
ROWS = TrainingArrays(X, np.array([2, -1, 0, -1]), np.ones(4, np.float32), np.zeros((4, 0)), np.zeros((4, 0)))


def test_candidate_classes_are_one_of_a_labelled_row_and_all_of_an_unlabelled_one():
    expected = [[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    np.testing.assert_array_equal(candidates(tf.constant(ROWS.y), 3), expected)


def test_each_stream_says_what_it_knows_of_its_rows():
    labelled = batches(tensors(ROWS), tf.constant([[2, 0]]), classes=3, width=3, labelled=True)
    np.testing.assert_array_equal(labelled.x, X[[[2, 0]]])
    np.testing.assert_array_equal(labelled.y, [[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    unlabelled = batches(tensors(ROWS), tf.constant([[0, 1]]), classes=3, width=3, labelled=False)
    np.testing.assert_array_equal(unlabelled.y, np.ones((1, 2, 3)))  # row 0 is labelled: seen here without its label
    np.testing.assert_array_equal(unlabelled.index, [[0, 1]])
