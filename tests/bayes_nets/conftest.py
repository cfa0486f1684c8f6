"""Nets with posteriors in closed form."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, InverseCDF, LocationScale, Observed, Recurrent

A, STEPS, NOISE, SEEN = 0.9, 4, 0.5, 0.7


def _chain():
    """Return z_t = A z_{t−1} + NOISE ε, x_t = z_t + SEEN η, all numbers."""
    return BayesNet(
        z=Recurrent(STEPS, 1, lambda before: A * before, scale=NOISE),
        x=Observed(lambda z: tfd.Normal(z[..., 0], SEEN)),
    )


def _nets():
    return {
        "chain": _chain(),
        "gaussian": BayesNet(a=Gaussian(2, 1.0, [0.5, 2.0]), b=Gaussian(3, lambda a: tf.reduce_sum(a, -1, True), 0.3)),
        "scale network": BayesNet(a=Gaussian(2), b=Gaussian(2, lambda a: a, lambda a: tf.exp(0.5 * a))),
        "student": BayesNet(a=LocationScale(2, tfd.StudentT(4.0, 0.0, 1.0), 1.0, 2.0)),
        "logistic": BayesNet(a=Gaussian(1), b=LocationScale(1, tfd.Logistic(0.0, 1.0), lambda a: a, 0.5)),
        "exponential": BayesNet(a=InverseCDF(2, lambda: tfd.Exponential(1.5))),
        "uniform": BayesNet(a=Gaussian(1), b=InverseCDF(1, lambda a: tfd.Uniform(a, a + 1.0))),
        "kumaraswamy": BayesNet(a=InverseCDF(3, lambda: tfd.Kumaraswamy(2.0, 3.0))),
        "chain with a parent": BayesNet(a=Gaussian(2), z=Recurrent(3, 2, lambda before, a: tf.tanh(before + a), 0.2)),
    }


@pytest.fixture(params=list(_nets()))
def net(request):
    return _nets()[request.param]


@pytest.fixture
def linear_chain():
    return _chain()


@pytest.fixture
def smoother():
    """Return a function x [STEPS] -> mean and covariance of p(z | x), by the joint Gaussian of all numbers."""

    def posterior(x):
        back = np.eye(STEPS) - A * np.eye(STEPS, k=-1)  # back @ z are the innovations
        precision = back.T @ np.diag([1.0, *[NOISE**-2] * (STEPS - 1)]) @ back + np.eye(STEPS) / SEEN**2
        covariance = np.linalg.inv(precision)
        return covariance @ (x / SEEN**2), covariance

    return posterior
