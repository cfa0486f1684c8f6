"""Nearest rows against brute force, and propagated labels against the closed form."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from ssvae.regularizers.label_propagation import SPREAD, agreement, propagate
from ssvae.regularizers.nearest_neighbors import nearest

RNG = np.random.default_rng(0)


def test_nearest_is_brute_force():
    x = RNG.normal(size=(60, 7)).astype(np.float32)
    distance = np.linalg.norm(x[:, None] - x, axis=2) + 1e9 * np.eye(60)
    expected = np.argsort(distance, axis=1)[:, :4]
    np.testing.assert_array_equal(nearest(x, 4), expected)
    np.testing.assert_array_equal(nearest((x, 0 * x), 4), expected)  # rows given as mean and log-variance


def test_nearest_keeps_most_neighbours_of_wide_rows():
    x = (RNG.normal(size=(300, 10)) @ RNG.normal(size=(10, 90)) + 0.1 * RNG.normal(size=(300, 90))).astype(np.float32)
    distance = np.linalg.norm(x[:, None] - x, axis=2) + 1e9 * np.eye(300)
    expected = np.argsort(distance, axis=1)[:, :5]
    shared = [len(set(a) & set(b)) / 5 for a, b in zip(nearest(x, 5), expected, strict=True)]
    assert np.mean(shared) > 0.9


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_nearest_of_very_few_rows(rows):
    found = nearest(RNG.normal(size=(rows, 3)), 6)
    assert found.shape == (rows, 6)
    assert found.min() >= 0
    assert found.max() < rows


@pytest.mark.parametrize(("rows", "expected"), [(0, []), (1, [[0, 0]]), (2, [[1, 1], [0, 0]])])
def test_two_rows_are_neighbours_and_one_is_its_own(rows, expected):
    x = np.arange(3.0 * rows).reshape(rows, 3)
    for given in (x, (x, 0 * x)):
        found = nearest(given, 2)
        assert (found.shape, found.dtype, found.tolist()) == ((rows, 2), np.int32, expected)


def test_propagation_is_the_closed_form():
    neighbours = nearest(RNG.normal(size=(50, 3)), 4)
    index = np.full(50, -1)
    index[:9] = np.arange(9) % 3
    graph = np.zeros((50, 50))
    graph[np.repeat(np.arange(50), 4), neighbours.ravel()] = 1.0
    graph = np.maximum(graph, graph.T)
    root = 1.0 / np.sqrt(graph.sum(axis=1))
    smooth = root[:, None] * graph * root
    known = np.eye(3)[np.maximum(index, 0)] * (index >= 0)[:, None]
    mass = (1 - SPREAD) * np.linalg.solve(np.eye(50) - SPREAD * smooth, known)
    mass = mass / mass.sum(axis=0)
    expected = mass / mass.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        propagate(neighbours, index, 3), expected, atol=0.06
    )  # 100 steps of 0.99: a third is left
    assert (propagate(neighbours, index, 3).argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.9


def test_rows_that_no_label_reaches_get_equal_shares():
    neighbours = np.array([[1], [0], [3], [2]])
    np.testing.assert_allclose(propagate(neighbours, np.array([0, -1, -1, -1]), 2)[2:], 0.5)


def cliques(count: int, size: int) -> np.ndarray:
    """Return the neighbours of rows of which each `size` are joined with each other and with no others."""
    return np.array([[row // size * size + k for k in range(size) if k != row % size] for row in range(count * size)])


def test_agreement_of_cliques_is_cohens():
    neighbours, clique = cliques(9, 6), np.repeat(np.arange(9) % 3, 6)
    assert agreement(neighbours, np.where(np.arange(54) % 2, clique, -1), 3) == pytest.approx(1.0)
    index = np.where(np.arange(54) % 6 < 4, clique, -1)
    index[[0, 6, 12]] = [1, 2, 0]  # three labels against three of their clique's class
    labelled = index >= 0
    own, guess = index[labelled], clique[labelled]
    right, chance = np.mean(own == guess), sum(np.mean(own == k) * np.mean(guess == k) for k in range(3))
    doubt = np.sqrt(right * (1 - right) / len(own)) / (1 - chance)
    assert agreement(neighbours, index, 3) == pytest.approx(cohen_kappa_score(own, guess) - doubt)


def test_agreement_of_labels_by_chance_is_little_and_never_below_zero():
    neighbours = nearest(RNG.normal(size=(200, 5)), 5)
    found = [agreement(neighbours, np.random.default_rng(seed).integers(-1, 3, 200), 3) for seed in range(10)]
    assert min(found) >= 0.0
    assert np.mean(found) < 0.1


def test_only_labels_of_a_class_are_not_asked_for():
    neighbours, index = cliques(3, 4), np.full(12, -1)
    index[[0, 4, 8]] = [0, 1, 2]
    assert agreement(neighbours, index, 3) == 1.0
    index[[1, 5]] = [0, 1]  # class 2 has one label still
    assert agreement(neighbours, index, 3) == pytest.approx(1.0)
