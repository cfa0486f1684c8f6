"""Numbers from a fitted classifier, against counts by hand."""

import math

import numpy as np
import pytest

from ssvae.evaluation.metrics import bits_per_dim, calibration_error, evaluate, measure, perplexity
from ssvae.likelihoods.multinomial import Multinomial

CLASSES = np.array(["a", "b", "c"])
Y = np.array(["a", "a", "b", "c"])
P = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]])


def test_numbers_by_hand():
    numbers = measure(CLASSES, Y, P)
    assert numbers["error"] == pytest.approx(25.0)
    assert numbers["recall"] == pytest.approx({"a": 50.0, "b": 100.0, "c": 100.0})
    assert numbers["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert numbers["nll"] == pytest.approx(-(math.log(0.8) + math.log(0.2) + 0.0 + math.log(0.4)) / 4)
    assert numbers["ece"] == pytest.approx(100 * (0.2 + 0.7 + 0.0 + 0.6) / 4)


def test_confidence_that_is_right_on_average_is_calibrated():
    assert calibration_error(np.full(10, 0.7), np.arange(10) < 7) == pytest.approx(0)
    assert calibration_error(np.ones(4), np.zeros(4, bool)) == 1


def test_a_class_that_training_never_saw_is_an_error():
    numbers = measure(CLASSES, np.array(["a", "z"]), P[[0, 2]])
    assert numbers["error"] == 50
    assert np.sum(numbers["confusion"]) == 1


def test_a_probability_of_zero_gives_a_finite_number():
    assert math.isfinite(measure(CLASSES, np.array(["a"]), P[[2]])["nll"])


def test_rows_without_a_label_are_left_out(quick_core):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    classifier = quick_core().fit(x, y)
    hidden = np.where(np.arange(40) < 30, y, -1)
    numbers = evaluate(classifier, x, hidden)
    assert numbers["rows"] == 30
    assert numbers["bound"] == pytest.approx(classifier.bound(x[:30]).mean())
    with pytest.raises(ValueError, match="none of the 40 rows has a label"):
        evaluate(classifier, x, np.full(40, -1))


def test_bits_per_dim():
    assert bits_per_dim(-math.log(2), 1) == pytest.approx(1)
    assert bits_per_dim(-10 * math.log(2) + 10 * math.log(256), 10, levels=256) == pytest.approx(1)


def test_perplexity_of_known_distributions():
    """Words that are drawn evenly from V have perplexity V, whatever the documents' lengths."""
    counts = np.array([[3, 0, 1], [1, 0, 0], [0, 0, 0], [5, 5, 5]])
    for size in (1, 3, 2000):
        assert perplexity(-counts.sum(axis=1) * math.log(size), counts) == pytest.approx(size)
    # a mean over documents, not over words
    assert perplexity(np.array([0.0, -math.log(16)]), np.array([[8], [1]])) == pytest.approx(4)
    assert math.isnan(perplexity(np.zeros(2), np.zeros((2, 3))))


def test_perplexity_is_measured_where_words_are_counted(quick_core):
    rng = np.random.default_rng(0)
    x, y = rng.poisson(1.0, (40, 3)), np.arange(40) % 2
    x[:2] = 0
    classifier = quick_core().fit(x, y)
    assert "perplexity" not in evaluate(classifier, x, y)
    classifier.likelihood_ = Multinomial()
    numbers = evaluate(classifier, x, y)
    assert numbers["perplexity"] == pytest.approx(np.exp(np.mean(-classifier.bound(x)[2:] / x[2:].sum(axis=1))))
    assert numbers["wordless"] == np.sum(x.sum(axis=1) == 0)
    classifier.likelihood_ = Multinomial(coefficient=True)
    assert "perplexity" not in evaluate(classifier, x, y)
