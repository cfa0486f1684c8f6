"""M2 with more columns than its rows have, against an M2 of exactly those."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m2 import M2
from ssvae.models.padded_m2 import PaddedM2
from ssvae.objective import Objective
from ssvae.training import loop
from ssvae.types import Batch

A, WIDTH, K, ROWS = 3, 5, 2, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, A)).astype(np.float32)
OBJECTIVE = Objective(Amortized(), Pathwise(), Enumeration())


@pytest.fixture
def pair() -> tuple[M2, PaddedM2]:
    model = M2(A, K, Gaussian(), latent=2, hidden=[4], prior="learned", baseline={"hidden": [3]}, seed=1)
    for weight in model.trainable_weights:
        weight.assign(RNG.normal(0, 0.5, weight.shape))
    return model, PaddedM2.of(model, WIDTH)


def padded(x) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, WIDTH - A)))


def losses(model, x) -> tuple[tf.Tensor, list[tf.Tensor]]:
    y, one = tf.one_hot(np.arange(ROWS) % K, K), tf.ones(ROWS)
    batch = Batch(tf.constant(x), y, one, tf.range(ROWS))
    with tf.GradientTape() as tape:
        found = OBJECTIVE(model, batch, batch, tf.constant(0.5), random.seed_tensor(0))
    weights = [weight.value for weight in model.trainable_weights]
    return tf.stack(found), tape.gradient(found.loss, weights, unconnected_gradients="zero")


def test_losses_and_gradients_are_those_of_the_columns_that_are_there(pair):
    model, wide = pair
    (expected, slopes), (found, wide_slopes) = losses(model, X), losses(wide, padded(X))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    own = PaddedM2.of(model, WIDTH)
    for weight, slope in zip(own.trainable_weights, wide_slopes, strict=True):
        weight.assign(slope)
    back = M2.from_config(model.get_config())
    own.give(back)
    for weight, slope in zip(back.trainable_weights, slopes, strict=True):
        np.testing.assert_allclose(weight, slope, rtol=1e-5, atol=1e-5)
    assert sum(np.square(g).sum() for g in wide_slopes) == pytest.approx(sum(np.square(g).sum() for g in slopes), 1e-5)


def test_initial_weights_are_those_of_the_columns_that_are_there(pair):
    model, wide = pair
    for own in pair:
        own.reset(np.random.default_rng(7))
    back = M2.from_config(model.get_config())
    wide.give(back)
    for one, other in zip(back.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    copy = type(wide).from_config(wide.get_config())
    copy.set_weights(wide.get_weights())
    np.testing.assert_array_equal(copy.classify(padded(X)), wide.classify(padded(X)))


def test_draws_of_x_are_0_in_columns_that_are_not_there(pair):
    x = pair[1].decode({"z": tf.zeros([4, 2])}, tf.one_hot([0, 0, 1, 1], K)).sample(seed=random.seed_tensor(0))
    assert (x[:, :A].numpy() != 0).all()
    assert (x[:, A:].numpy() == 0).all()


def test_fits_that_keep_other_columns_share_their_programs(monkeypatch):
    built = []
    program = loop.Program
    monkeypatch.setattr(loop, "Program", lambda stage, *rest: built.append(stage.name) or program(stage, *rest))
    x, y = np.random.default_rng(0).normal(size=(60, 6)), np.where(np.arange(60) < 20, np.arange(60) % K, -1)
    active = []
    for threshold in (0.3, 0.38):
        model = {"name": "m1_m2", "latent": 8, "hidden": [5], "m1": {"hidden": [9]}, "threshold": threshold}
        fitted = SSVAEClassifier(model, regularizers=[], epochs=1, random_state=0).fit(x, y)
        active.append(len(fitted.model_.active))
        assert np.isfinite(fitted.history_["loss"]).all()
        assert fitted.model_.second.features == active[-1]
    assert active == [7, 5]
    assert built == ["m1", "m2"]
