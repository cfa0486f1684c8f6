"""Draws that HMC has moved: the model's gradient is that of log p(x), the encoder's that of the amortised bound."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.distributions import diagonal_normal, standard_normal
from ssvae.gradients.pathwise import Pathwise
from ssvae.inference.amortized import Amortized
from ssvae.inference.hmc import HMC
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.capabilities import HasDensity

SEED = random.seed_tensor(4)
COPIES = 2000


def gradients(method, model, rows, y=None):
    """Return the gradients of the mean bound by the loading and by the encoder's error."""
    loading, error = tf.Variable(model.loading), tf.Variable(model.error)
    model.loading, model.error = loading, error
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(method.bound(model, rows, y, Pathwise(), SEED, training=True))
    return [np.array(gradient) for gradient in tape.gradient(value, [loading, error])]


def slope_of_log_p(model):
    """Return ∂ mean log p(x) / ∂ loading, by the closed form of log N(x; 0, WᵀW + s² I)."""
    covariance = model.loading.T @ model.loading + model.noise_variance * np.eye(model.features)
    inverse = np.linalg.inv(covariance)
    scatter = model.x.T @ model.x / len(model.x)
    return model.loading @ (inverse @ scatter @ inverse - inverse)


def test_the_model_learns_log_p_though_the_encoder_is_wrong(linear_gaussian):
    rows = np.repeat(linear_gaussian.x, COPIES, axis=0)
    truth = slope_of_log_p(linear_gaussian())
    moved = gradients(HMC(steps=12, leapfrog=6), linear_gaussian(error=0.8, wider=0.5), rows)[0]
    plain = gradients(Amortized(), linear_gaussian(error=0.8, wider=0.5), rows)[0]
    np.testing.assert_allclose(moved, truth, atol=0.08)
    assert np.abs(plain - truth).max() > 0.4


def test_the_encoder_learns_as_amortised(linear_gaussian):
    rows = np.repeat(linear_gaussian.x, COPIES, axis=0)
    moved = gradients(HMC(steps=2), linear_gaussian(), rows)[1]
    still = gradients(HMC(steps=0), linear_gaussian(), rows)[1]
    np.testing.assert_allclose(moved, still, rtol=1e-4)
    np.testing.assert_allclose(still, gradients(Amortized(), linear_gaussian(), rows)[1], rtol=0.1)


def test_draws_that_do_not_move_teach_what_they_taught(linear_gaussian):
    """Chains begin at the draws themselves, those of every class too."""
    own, every = (lambda: linear_gaussian(error=0.8)), np.eye(linear_gaussian.classes, dtype=np.float32)[:, None]
    for y in (None, every):
        still, near = (gradients(method, own(), own().x, y) for method in (HMC(steps=0), HMC(2, 1, step_size=1e-6)))
        np.testing.assert_allclose(near[0], still[0], rtol=1e-3, atol=1e-4)


def test_outside_training_it_is_amortised(linear_gaussian):
    model = linear_gaussian()
    values = [HMC(steps=s).bound(model, model.x, None, Pathwise(), SEED) for s in (0, 5)]
    np.testing.assert_array_equal(*values)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["m1", "m2"])
def test_in_the_estimator(model):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(mean, 0.5, (40, 3)) for mean in (-1, 1)])
    truth = np.repeat([0, 1], 40)
    y = np.where(np.arange(80) % 4 == 0, truth, -1)
    slot = {"name": model, "latent": 2, "hidden": [8]}
    settings = {"epochs": 30, "batch_size": 20, "regularizers": (), "engine": "graph", "random_state": 0}
    fitted = SSVAEClassifier(slot, inference={"name": "hmc", "steps": 2}, learning_rate=1e-2, **settings).fit(x, y)
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    assert fitted.score(x, truth) > 0.9


class TwoLevels(HasDensity):
    """z2 ~ N(0, 1), z1 | z2 ~ N(c z2, I), x | z1 ~ N(Wᵀ z1, s² I); a q that is wrong."""

    likelihood, features, s2 = Gaussian(), 3, 0.5
    loading = np.float32([[1.0, 0.5, -0.3], [0.2, -0.8, 0.6]])

    def __init__(self, c):
        self.c = tf.Variable(c)

    def joint(self, y):
        return {
            "z2": standard_normal(1),
            "z1": lambda v: diagonal_normal(v["z2"] * self.c, tf.zeros([2])),
            "x": lambda v: diagonal_normal(
                tf.tensordot(v["z1"], self.loading, 1), tf.fill([3], np.float32(np.log(self.s2)))
            ),
        }

    def encode(self, x, y):
        return {"z1": tf.tensordot(x, 0.4 * self.loading.T, 1), "z2": 0.3 * x[:, :1] - 0.2}

    def posterior(self, parameters):
        return {name: diagonal_normal(mean, -1.0 + 0.0 * mean) for name, mean in reversed(parameters.items())}


def test_latents_of_several_levels_move_together():
    """The gradient by c, which joins the levels, is that of log N(x; 0, Wᵀ (I + c cᵀ) W + s² I)."""
    x, c = np.float32([[1.0, -0.5, 0.8], [-1.2, 0.6, 0.1], [0.4, 1.5, -0.9]]), np.float32([0.7, -0.5])
    w = TwoLevels.loading.astype(float)
    inverse = np.linalg.inv(w.T @ (np.eye(2) + np.outer(c, c)) @ w + TwoLevels.s2 * np.eye(3))
    truth = w @ (inverse @ (x.T @ x / len(x)) @ inverse - inverse) @ w.T @ c
    rows = np.repeat(x, 2 * COPIES, axis=0)

    def slope(method):
        model = TwoLevels(c)
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(method.bound(model, rows, None, Pathwise(), SEED, training=True))
        return np.array(tape.gradient(value, model.c))

    np.testing.assert_allclose(slope(HMC(steps=12, leapfrog=6)), truth, atol=0.04)
    assert np.abs(slope(Amortized()) - truth).max() > 0.15


def test_models_of_binary_latents_are_refused():
    x, y = np.eye(4, dtype=np.float32)[np.arange(20) % 4], np.where(np.arange(20) < 8, np.arange(20) % 2, -1)
    with pytest.raises(ValueError, match="'hmc' needs continuous latents, and those of SBN are binary: take another"):
        SSVAEClassifier({"name": "sbn", "latent": [3]}, inference="hmc").fit(x, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": -1}, "steps of inference 'hmc' must be an integer >= 0, got -1"),
        ({"leapfrog": 0}, "leapfrog of inference 'hmc' must be an integer >= 1, got 0"),
        ({"step_size": 0.0}, "needs step_size > 0"),
        ({"kl_warm_up": 2.0}, r"kl_warm_up in \[0, 1\]"),
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        HMC(**settings)
