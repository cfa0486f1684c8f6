"""The logistic over levels, against differences of scipy's distribution function."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ssvae.backend import random
from ssvae.likelihoods.discretized_logistic import DiscretizedLogistic

SEED = random.seed_tensor(0)


def numbers(shape, columns, scale=1.0):
    return np.random.default_rng(1).normal(0, scale, (*shape, 2 * columns)).astype(np.float32)


def logistic_truth(h, levels, x, floor=-7.0):
    """Differences of scipy's distribution function, in float64, by its logarithms so that no tail is empty."""
    mean, log_scale = np.split(h.astype(float), 2, axis=-1)
    logistic = stats.logistic(mean, np.exp(floor + np.logaddexp(0, log_scale - floor)))
    level = np.round(x.astype(float) * (levels - 1))
    start = np.where(level == 0, -np.inf, (level - 0.5) / (levels - 1))
    end = np.where(level == levels - 1, np.inf, (level + 0.5) / (levels - 1))
    upper = start > mean  # where values near 1 would cancel
    greater = np.where(upper, logistic.logsf(start), logistic.logcdf(end))
    less = np.where(upper, logistic.logsf(end), logistic.logcdf(start))
    return greater + np.log(-np.expm1(less - greater))


def test_the_truth_by_logarithms_is_the_plain_difference():
    h, x = numbers((20,), 1, 0.5), np.full((20, 1), 100 / 255)
    logistic = stats.logistic(h[:, :1], np.exp(-7 + np.logaddexp(0, h[:, 1:] + 7)))
    plain = logistic.cdf(100.5 / 255) - logistic.cdf(99.5 / 255)
    np.testing.assert_allclose(np.exp(logistic_truth(h, 256, x)), plain, rtol=1e-4)


@pytest.mark.parametrize(("levels", "scale"), [(256, 0.3), (256, 5.0), (5, 1.0), (2, 3.0)])
def test_discretized_logistic_is_scipys(levels, scale):
    likelihood = DiscretizedLogistic(levels)
    h = numbers((300,), 3, scale)
    x = (np.random.default_rng(0).integers(0, levels, (300, 3)) / (levels - 1)).astype(np.float32)
    x[:20], x[20:40] = 0.0, 1.0
    truth = logistic_truth(h, levels, x).sum(axis=1)
    np.testing.assert_allclose(likelihood(h).log_prob(x), truth, rtol=1e-4, atol=1e-4)
    nearest = np.clip(x + np.random.default_rng(1).uniform(-0.4, 0.4, x.shape) / (levels - 1), 0, 1)
    np.testing.assert_array_equal(likelihood(h).log_prob(nearest.astype(np.float32)), likelihood(h).log_prob(x))


def test_discretized_logistic_has_the_mean_of_its_levels():
    likelihood, values = DiscretizedLogistic(8), np.arange(8) / 7
    h = numbers((40,), 1, 3.0)
    p = np.exp(logistic_truth(h, 8, values[None, :]))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(likelihood(h).mean()[:, 0], p @ values, rtol=1e-5, atol=1e-6)
    drawn = likelihood(h).sample(50, seed=SEED).numpy() * 7
    np.testing.assert_allclose(drawn, np.round(drawn), atol=1e-5)


@pytest.mark.parametrize("x", [0.0, 100 / 255, 1.0])
def test_discretized_logistic_has_the_gradient_of_its_value(x):
    """Against differences of the float64 truth, in both tails and where the scale is at its floor."""
    h = np.array([[m, s] for m in (-30.0, -1.0, 0.4, 1.0, 30.0) for s in (-12.0, -7.0, -3.0, 2.0)])
    points = tf.constant(h, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = DiscretizedLogistic()(points).log_prob(tf.fill([len(h), 1], x))
    found = tape.gradient(value, points).numpy()
    for column in (0, 1):
        step = np.zeros(2)
        step[column] = 1e-5
        ends = [logistic_truth(h + sign * step, 256, np.full((len(h), 1), x))[:, 0] for sign in (1, -1)]
        np.testing.assert_allclose(found[:, column], (ends[0] - ends[1]) / 2e-5, rtol=2e-3, atol=2e-3)


def test_discretized_logistic_refuses_one_level():
    with pytest.raises(
        ValueError, match="levels of likelihood 'discretized_logistic' must be >= 2 and at most 65,536, got 1"
    ):
        DiscretizedLogistic(1)
