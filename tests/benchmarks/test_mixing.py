"""`benchmarks/mixing.py`: numpy's gradient against TensorFlow's, and the check that posteriors are the same."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.experiments.reproductions.mixing import dynamic_net

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_gradient_in_numpy_is_that_of_the_net(load, scale):
    cell = load("mixing_cells").cell(scale, "auxiliary", chains=3, draws=10, warm_up=10, seed=4)
    net = load("numpy_chains").Net.of(cell)
    target = PosteriorDensity(dynamic_net(scale, 4), {"x": np.array([cell["x"]], np.float32)})
    epsilon = np.random.default_rng(0).normal(size=(20, 10, 3)).astype(np.float32)
    state = tf.reshape(tf.transpose(epsilon, [2, 0, 1]), [3, 1, 200])
    with tf.GradientTape() as tape:
        tape.watch(state)
        log_p = target.log_prob(state)
    found, slope = net.log_prob(epsilon)
    np.testing.assert_allclose(np.diff(found), np.diff(log_p[:, 0]), rtol=1e-3, atol=1e-3)
    expected = tf.transpose(tf.reshape(tape.gradient(log_p, state), [3, 20, 10]), [1, 2, 0])
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.moveaxis(net.values(epsilon)[0], -1, 0), target.values(state)["z"][:, 0], atol=1e-4)


def test_a_contender_with_another_posterior_is_found(load):
    mixing, summary = load("mixing"), load("mixing_cells").summary
    rng = np.random.default_rng(0)
    draws = {name: rng.normal(size=(200, 4, 2, 3)) for name in ("one", "another", "wrong")}
    found = {name: [summary(z, 1.0)] for name, z in draws.items()}
    assert mixing.farthest(found)[0] < mixing.FARTHEST
    found["wrong"] = [summary(1.5 * draws["wrong"], 1.0)]
    score, whose = mixing.farthest(found)
    assert score > mixing.FARTHEST
    assert "variance of wrong" in whose
