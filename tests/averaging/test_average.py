"""Folds, weights, temperatures and intervals of an average, against numbers known otherwise."""

import numpy as np
import pytest
from scipy.special import softmax

from ssvae.averaging import report, trees
from ssvae.averaging.average import Average, folds_of
from ssvae.averaging.base import AllRows, TrainingRows
from ssvae.averaging.folds import deal
from ssvae.averaging.weights import ALIKE, FLOOR, LEARNING_RATE, Combination, best_temperature, pseudo_bma, tempered

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(trees, "TREES", 20)


def drawn(logits):
    """Return classes drawn by the probabilities that logits [n, K] mean."""
    return (RNG.random((len(logits), 1)) > np.cumsum(softmax(logits, axis=1), axis=1)).sum(axis=1)


def test_folds_hold_each_class_evenly_and_never_all_of_it():
    index = np.repeat([0, 1, 2, 3], [12, 5, 2, 1])
    fold = deal(index, seed=1)
    counts = np.array([[((fold == number) & (index == label)).sum() for label in range(3)] for number in range(5)])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert fold[index == 3] == -1
    assert all(set(index[fold != number]) == {0, 1, 2, 3} for number in range(5))
    assert (deal(index, seed=2) != fold).any()


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.0])
def test_the_temperature_that_rows_were_made_with_is_found(temperature):
    logits = RNG.normal(0, 2, (4000, 3))
    y = drawn(logits)
    found = best_temperature(softmax(temperature * logits, axis=1)[np.newaxis], y)
    assert abs(found / temperature - 1) < 0.1
    few = best_temperature(softmax(temperature * logits, axis=1)[np.newaxis, :6], y[:6])
    assert abs(np.log(few)) < 0.5  # six rows may not say much
    np.testing.assert_allclose(
        tempered(softmax(temperature * logits, axis=1), temperature), softmax(logits, axis=1), atol=2e-3
    )


def test_weights_follow_the_loss_of_all_rows_and_none_is_left_out():
    y, good, bad = np.array([0, 1, 0]), np.array([0.8, 0.7, 0.9]), np.array([0.4, 0.5, 0.3])
    both = np.stack([np.stack([np.where(y == 0, p, 1 - p), np.where(y == 0, 1 - p, p)], axis=1) for p in (good, bad)])
    cost = [-np.log((1 - FLOOR) * p + FLOOR / 2).sum() for p in (good, bad)]
    power = np.exp(-LEARNING_RATE * np.array(cost))
    np.testing.assert_allclose(
        pseudo_bma(both[:, np.newaxis], y), (1 - ALIKE) * power / power.sum() + ALIKE / 2, rtol=1e-9
    )


def test_a_combination_of_one_calibrated_member_is_that_member():
    logits = RNG.normal(0, 2, (2000, 3))
    p = softmax(logits, axis=1)
    combination = Combination.fit(p[np.newaxis, np.newaxis], drawn(logits))
    np.testing.assert_allclose(combination(p[np.newaxis]), p, atol=0.03)


def test_intervals_and_paired_differences():
    """Wilson's interval of 5 of 20 from the textbook's formula; the s.e. of a paired difference from its rows."""
    y = np.zeros(20, int)
    first = np.tile([0.9, 0.1], (20, 1))
    first[:5] = [0.3, 0.7]
    found = report.rates(first[np.newaxis], y)
    assert found["error"] == 25.0
    assert found["error_low"] == pytest.approx(11.19, abs=0.01)
    assert found["error_high"] == pytest.approx(46.87, abs=0.01)
    loss = -np.log(first[:, 0])
    assert found["nll"] == pytest.approx(loss.mean())
    assert found["nll_high"] - found["nll"] == pytest.approx(1.96 * loss.std(ddof=1) / np.sqrt(20))
    second = np.tile([0.8, 0.2], (20, 1))
    paired = report.difference(first[np.newaxis], second[np.newaxis], y)
    assert paired["error"] == 25.0
    assert paired["nll"] == pytest.approx((loss + np.log(0.8)).mean())
    assert paired["nll_se"] == pytest.approx((loss + np.log(0.8)).std(ddof=1) / np.sqrt(20))


@pytest.fixture(scope="module")
def noise():
    """Columns that say nothing of 40 rows' labels."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(60, 4)), np.arange(40) % 2
    return TrainingRows(x[:40], y, AllRows(x), 2, 0)


def test_labels_of_a_fold_are_hidden_from_its_members(noise):
    """Forests know all the rows that they learn from, and nothing of others; so does the report."""
    _, numbers = Average.fit({"columns": noise}, {}, seed=0)
    for own in numbers["members"].values():
        assert own["error_low"] < 50 < own["error_high"]
        assert own["error"] > 30
    assert numbers["average"]["nll"] == pytest.approx(np.log(2), abs=0.1)
    assert sum(own["weight"] for own in numbers["members"].values()) == pytest.approx(1.0)


def test_what_is_far_ahead_dominates_and_what_is_wrong_does_no_harm(noise):
    right = np.eye(2)[noise.index] * 0.94 + 0.03
    average, numbers = Average.fit({"columns": noise}, {"right": right, "wrong": 1 - right}, seed=0)
    weights = {name: own["weight"] for name, own in numbers["members"].items()}
    assert weights["right"] > 0.75
    assert weights["wrong"] < 0.03
    assert numbers["average"]["error"] == 0.0
    assert numbers["gain_of_unlabelled"]["error"] > 30
    found = average.probabilities({"columns": noise.x}, {"right": right, "wrong": 1 - right})
    assert (found.argmax(axis=1) == noise.index).all()
    again = Average.from_arrays(average.names, average.arrays())
    np.testing.assert_array_equal(
        again.probabilities({"columns": noise.x}, {"right": right, "wrong": 1 - right}), found
    )


def test_one_label_a_class_gives_an_average_without_scores():
    x = RNG.normal(size=(30, 2))
    rows = TrainingRows(x[:3], np.arange(3), AllRows(x), 3, 0)
    average, numbers = Average.fit({"columns": rows}, {"other": np.full((3, 3), 1 / 3)}, seed=0)
    assert numbers["rows"] == 0
    np.testing.assert_allclose(average.combination.weights, 1 / 6)
    assert (
        average.probabilities({"columns": x[:3]}, {"other": np.full((3, 3), 1 / 3)}).argmax(axis=1) == [0, 1, 2]
    ).all()


def test_columns_that_are_constant_leave_the_shares_of_the_classes():
    rows = TrainingRows(np.zeros((12, 3)), np.arange(12) // 8, AllRows(np.zeros((30, 3))), 2, 0)
    average, _ = Average.fit({"columns": rows}, {}, seed=0)
    found = average.probabilities({"columns": np.zeros((1, 3))}, {})[0]
    np.testing.assert_allclose(found, [2 / 3, 1 / 3], atol=0.1)


def test_many_rows_are_dealt_once():
    assert len(folds_of(np.arange(20) % 2, 0)) == 3
    assert len(folds_of(np.arange(600) % 2, 0)) == 1
