"""Chains that choose among draws from the prior: they stay at p(z | x), and pass from mode to mode."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.bayes_nets import BayesNet, Gaussian, Observed
from ssvae.bayes_nets.iterated_sir import resampled
from ssvae.bayes_nets.posterior_density import PosteriorDensity

ROWS, STEPS = 50, 600
NET = BayesNet(z=Gaussian(1, 0.2, 1.0), x=Observed(lambda z: tfd.Normal(tf.square(z), 0.2)))


def posterior(z):
    return stats.norm(0.2).pdf(z) * stats.norm(z**2, 0.2).pdf(1.0)


@pytest.mark.parametrize("form", ["original", "auxiliary"])
def test_chains_of_one_mode_find_the_other_as_often_as_the_posterior_has_it(form):
    target = PosteriorDensity(NET, {"x": np.ones((ROWS, 1))}, form)
    state = target.state({"z": tf.fill([ROWS, 1], -1.0)})

    @tf.function(autograph=False, jit_compile=True)
    def step(state, number):
        state = resampled(target, state, target.data, 32, random.fold(random.seed_tensor(5), number))
        return state, target.values(state)["z"]

    kept = []
    for number in range(STEPS):  # rows share their offers: only many steps average
        state, z = step(state, tf.constant(number))
        kept.append(z)
    z = np.array(kept)
    mass = integrate.quad(posterior, -5, 5, points=[-1, 1])[0]
    positive = integrate.quad(posterior, 0, 5, points=[1])[0] / mass
    spread = integrate.quad(lambda v: v**2 * posterior(v), -5, 5, points=[-1, 1])[0] / mass
    assert (z > 0).mean() == pytest.approx(positive, abs=0.04)
    assert np.square(z).mean() == pytest.approx(spread, abs=0.03)
