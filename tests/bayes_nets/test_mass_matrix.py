"""Coordinates that the warm-up learns: the same posterior, and chains that mix faster."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, Observed
from ssvae.bayes_nets.mass_matrix import MassMatrix
from ssvae.bayes_nets.sampling import sample

SCALES = np.float32([0.02, 0.3, 1.0, 8.0])
HOW = {"chains": 8, "draws": 400, "warm_up": 400, "form": "original"}


def test_coordinates_are_the_inverse_of_states():
    rng = np.random.default_rng(0)
    states = (rng.normal(size=(50, 4, 2, 3)) @ rng.normal(size=(3, 3)) + 5.0).astype("f4")
    for kind in ("unit", "diagonal", "dense"):
        metric = MassMatrix(kind, 2, 3)
        metric.learn(states)
        u = metric.coordinates(tf.constant(states[0]))
        np.testing.assert_allclose(metric.state(u), states[0], rtol=1e-4, atol=1e-4)
        if kind == "dense":
            every = np.stack([metric.coordinates(tf.constant(state)) for state in states]).reshape(-1, 2, 3)
            for row in range(2):
                np.testing.assert_allclose(np.cov(every[:, row].T), np.eye(3), atol=0.05)


def test_scales_that_differ_are_evened_out():
    net = BayesNet(z=Gaussian(4, 1.0, SCALES))
    unit, diagonal = (sample(net, {}, metric=metric, **HOW) for metric in ("unit", "diagonal"))
    z = diagonal.values["z"][:, :, 0]
    np.testing.assert_allclose(z.std(axis=(0, 1)), SCALES, rtol=0.1)
    assert diagonal.report()["r_hat"] < 1.02
    assert diagonal.report()["ess_per_gradient"] > 5 * unit.report()["ess_per_gradient"]


def test_a_dense_metric_takes_correlations_out():
    """Of two numbers only the sum is seen, so that they are correlated by −0.9998."""
    net = BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Normal(tf.reduce_sum(z, axis=-1), 0.015)))
    x = np.float32([0.3, 1.0])
    diagonal, dense = (sample(net, {"x": x}, metric=metric, **HOW) for metric in ("diagonal", "dense"))
    for row in range(2):
        z, size = dense.values["z"][:, :, row], dense.ess()["z"][row].min()
        np.testing.assert_allclose(z.mean(axis=(0, 1)), x[row] / (2.0 + 0.015**2), atol=4.0 * np.sqrt(0.5 / size))
        np.testing.assert_allclose(z.sum(axis=-1).std(), 0.015, rtol=0.1)
    assert dense.report()["ess_per_gradient"] > 5 * diagonal.report()["ess_per_gradient"]


def test_unknown_metrics_are_refused():
    with pytest.raises(ValueError, match=r"metric must be one of .*'dense'.*, got 'full'"):
        sample(BayesNet(z=Gaussian(1)), {}, metric="full")
