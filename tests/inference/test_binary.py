"""Refinement of binary posteriors, on a net whose states can all be summed."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import random
from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.inference.base import BoundArguments
from ssvae.inference.evidence import elbo
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.sbn import SBN

D, Z = 6, 4
X = (np.random.default_rng(2).uniform(size=(5, D)) < 0.5).astype(np.float32)
SEED = random.seed_tensor(1)


def net(**settings) -> SBN:
    model = SBN(D, Bernoulli(), latent=settings.pop("latent", Z), **settings)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 1.2, weight.shape))
    return model


def posterior_means(model, x) -> np.ndarray:
    """Return E[z | x] of the only level by enumeration, [B, Z]."""
    states = np.array(list(itertools.product([0.0, 1.0], repeat=Z)), np.float32)[:, np.newaxis]  # [S, 1, Z]
    joint = model.joint()
    log_p = joint["z1"].log_prob(states) + joint["x"]({"z1": tf.constant(states)}).log_prob(x)  # [S, B]
    return np.einsum("sb,sbz->bz", tf.nn.softmax(log_p, axis=0), np.broadcast_to(states, (16, len(x), Z)))


def exact_bound(model, parameters) -> np.ndarray:
    return np.array(elbo(BoundArguments(model, X, None, GRADIENTS.build("enumeration"), SEED), parameters))


def refined(model, settings):
    return INFERENCES.build(settings).infer(model, tf.constant(X), None, SEED)


def test_importance_refinement_ends_at_the_means_of_the_posterior():
    model = net()
    found = refined(
        model, {"name": "importance_refined", "test_steps": 60, "test_samples": 4000, "rate": 0.3, "warm_start": 0.0}
    )
    np.testing.assert_allclose(tf.sigmoid(found["z1"]), posterior_means(model, X), atol=0.03)


@pytest.mark.parametrize("binary", ["straight_through", "mean"])
@pytest.mark.parametrize("settings", [{}, {"latent": [3, 2]}, {"latent": [3, 2], "upwards": "deterministic"}], ids=str)
def test_gradient_refinement_raises_the_bound(binary, settings):
    model = net(**settings)
    before = exact_bound(model, model.encode(X))
    method = {"name": "gradient_refined", "test_steps": 20, "test_samples": 100, "binary": binary, "rate": 0.3}
    after = exact_bound(model, refined(model, method))
    assert (after > before - 0.05).all()  # rows keep what raised the bound of their own 100 draws
    assert (after - before).mean() > 0.1


@pytest.mark.parametrize("method", ["importance_refined", "gradient_refined"])
def test_a_row_is_refined_alone_as_among_others(method):
    model, method = net(), INFERENCES.build({"name": method, "test_steps": 3})
    together = method.infer(model, tf.constant(X), None, SEED)["z1"]
    alone = method.infer(model, tf.constant(X[3:4]), None, SEED)["z1"]
    np.testing.assert_allclose(together[3:4], alone, atol=1e-5)


@pytest.mark.parametrize("method", ["importance_refined", "gradient_refined"])
def test_the_recognition_network_learns_the_refined_means(method):
    model, x = net(), tf.constant(X)
    inference = INFERENCES.build({"name": method, "steps": 5, "samples": 50, "warm_start": 0.0, "kl_warm_up": 0.0})
    bias = model.encoders[0].biases[0].value
    with tf.GradientTape() as tape:
        bound = inference.bound(model, x, None, GRADIENTS.build("score_function"), SEED, training=True)
        total = tf.reduce_sum(bound)
    gradient = tape.gradient(total, bias)
    found = inference._refined(model, x, None, random.fold(SEED, 1 << 17), True, 1.0).parameters["z1"]
    wanted = tf.reduce_sum(tf.sigmoid(found) - tf.sigmoid(model.encode(x)["z1"]), axis=0)  # −∂KL(q_T || q_0)/∂logit
    np.testing.assert_allclose(gradient, wanted, atol=1e-4)
    assert bound.shape == (5,)


@pytest.mark.parametrize("settings", [{"latent": [3, 2]}, {"autoregressive": ["posterior"]}], ids=str)
def test_importance_refinement_needs_independent_latents(settings):
    with pytest.raises(ValueError, match=r"needs binary latents that are independent given x.*upwards='deterministic'"):
        refined(net(**settings), "importance_refined")


@pytest.mark.parametrize("settings", [{"samples": 1}, {"rate": 0.0}, {"rate": 1.5}], ids=str)
def test_numbers_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="samples >= 2 and 0 < rate <= 1"):
        INFERENCES.build({"name": "importance_refined", **settings})


@pytest.mark.parametrize(
    ("method", "words"),
    [("iterative", "'gradient_refined' or 'importance_refined'"), ("importance_weighted", "gradient='vimco'")],
)
def test_methods_for_continuous_latents_name_those_for_binary_ones(method, words):
    inference = INFERENCES.build(method)
    with pytest.raises(ValueError, match=words):
        inference.bound(net(), tf.constant(X), None, GRADIENTS.build("auto"), SEED, training=True)
