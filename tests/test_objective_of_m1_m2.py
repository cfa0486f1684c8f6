"""The bound of the whole stack M1+M2 against sums over a dense grid of (z1, z2) in numpy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, logsumexp
from scipy.stats import norm

from ssvae.backend import random
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.quadrature import Quadrature
from ssvae.inference.amortized import Amortized
from ssvae.inference.importance_weighted import ImportanceWeighted
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m1_m2 import M1M2
from ssvae.objective import Objective

K = 3
SEED = random.seed_tensor(0)
X = np.array([[0, 0, 1, 1], [1, 0, 0, 1], [1, 1, 1, 0]], np.float32)
GRID = np.linspace(-7, 7, 57)  # standard deviations; the sum over it is exact far beyond 1e-6
WEIGHT = norm.pdf(GRID) * (GRID[1] - GRID[0])
FLOOR = Gaussian().floor


@pytest.fixture(scope="module")
def stack() -> M1M2:
    """Return a stack with two columns of z1, the second one active, and weights far from zero."""
    model = M1M2(
        4, K, Bernoulli(resample=False), Gaussian(), latent=1, hidden=[4], prior=[0.5, 0.3, 0.2], active=[1],
        m1={"latent": 2, "hidden": [4], "activation": "softplus"},
        m2={"classifier_hidden": [4], "normalization": "none", "activation": "softplus"},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.4, weight.shape))
    model.selection.shift.assign([0.3])
    model.selection.scale.assign([0.6])
    return model


def network(mlp, *parts) -> np.ndarray:
    weights = [np.asarray(weight, np.float64) for weight in (*mlp.first, *mlp.kernels)]
    biases = [np.asarray(bias, np.float64) for bias in mlp.biases]
    h = biases[0] + sum(part @ weight for part, weight in zip(parts, weights, strict=False))
    for weight, bias in zip(weights[len(parts) :], biases[1:], strict=True):
        h = np.logaddexp(0, h) @ weight + bias
    return h


def moments(mlp, *parts) -> tuple[np.ndarray, np.ndarray]:
    mean, log_variance = np.split(network(mlp, *parts), 2, axis=-1)
    return mean, np.exp(log_variance / 2)


def log_p_of_z1(model, z1, z2, k) -> np.ndarray:
    """log p(z1 | z2, y): the active column by M2 in standardised units, the other one N(0, 1); z2 [..., 1]."""
    y = np.broadcast_to(np.eye(K)[k], (*z2.shape[:-1], K))
    mean, raw = np.split(network(model.second.decoder, z2, y), 2, axis=-1)
    sd = np.exp((FLOOR + np.logaddexp(0, raw - FLOOR)) / 2)
    shift, scale = float(model.selection.shift[0]), float(model.selection.scale[0])
    own = norm.logpdf(z1[..., 1], mean[..., 0] * scale + shift, sd[..., 0] * scale)
    return own + norm.logpdf(z1[..., 0])


def log_likelihood(model, x, z1) -> np.ndarray:
    logits = network(model.first.decoder, z1)
    return (x * logits - np.logaddexp(0, logits)).sum(axis=-1)


def labelled_truth(model, x, k) -> float:
    """E_q(z1|x) E_q(z2|z1,y) [log p(x|z1) + log p(z1|z2,y) + log p(z2) + log p(y) − log q(z1|x) − log q(z2|z1,y)]."""
    mean, sd = moments(model.first.encoder, x)
    a, b = np.meshgrid(GRID, GRID, indexing="ij")
    z1 = np.stack([mean[0] + sd[0] * a, mean[1] + sd[1] * b], axis=-1)  # [G, G, 2]
    log_q1 = norm.logpdf(z1, mean, sd).sum(axis=-1)
    own = (z1[..., 1:] - float(model.selection.shift[0])) / float(model.selection.scale[0])
    mean2, sd2 = moments(model.second.encoder, own, np.broadcast_to(np.eye(K)[k], (*own.shape[:-1], K)))
    z2 = mean2[..., None, :] + sd2[..., None, :] * GRID[:, None]  # [G, G, G, 1]
    inner = log_p_of_z1(model, z1[..., None, :], z2, k) + norm.logpdf(z2[..., 0])
    inner = inner - norm.logpdf(z2[..., 0], mean2, sd2)
    outer = log_likelihood(model, x, z1) - log_q1 + inner @ WEIGHT
    return float(WEIGHT @ outer @ WEIGHT + np.log([0.5, 0.3, 0.2])[k])


def evidence(model, x) -> float:
    """log p(x) = log Σ_y ∫∫ p(y) p(z2) p(z1 | z2, y) p(x | z1)."""
    wide = np.linspace(-8, 8, 81)
    z1 = np.stack(np.meshgrid(wide, wide, indexing="ij"), axis=-1)
    conditional = log_likelihood(model, x, z1)[..., None] + norm.logpdf(wide) + 3 * np.log(wide[1] - wide[0])
    z2 = np.broadcast_to(wide[:, None], (*z1.shape[:-1], len(wide), 1))
    parts = [log_p_of_z1(model, z1[..., None, :], z2, k) + np.log([0.5, 0.3, 0.2])[k] for k in range(K)]
    return float(logsumexp([conditional + part for part in parts]))


@pytest.fixture(scope="module")
def truth(stack) -> tuple[np.ndarray, np.ndarray]:
    """Return L [B, K] and U [B] of the stack."""
    bounds = np.array([[labelled_truth(stack, x, k) for k in range(K)] for x in X.astype(np.float64)])
    mean, _ = moments(stack.first.encoder, X)
    own = (mean[:, 1:] - np.array(stack.selection.shift)) / np.array(stack.selection.scale)
    log_q = log_softmax(network(stack.second.classifier, own), axis=1)  # the class is read off the mean of z1
    return bounds, (np.exp(log_q) * (bounds - log_q)).sum(axis=1)


def test_bounds_are_those_of_the_whole_stack(stack, truth):
    exact = Objective(Amortized(), Quadrature(nodes=24), Enumeration())
    bounds, unlabelled = truth
    every = tf.eye(K)[:, None, :]
    np.testing.assert_allclose(exact.labelled(stack, X, every, SEED).numpy().T, bounds, atol=1e-4)
    np.testing.assert_allclose(exact.unlabelled(stack, X, SEED), unlabelled, atol=1e-4)


def test_sampled_bound_is_unbiased(stack, truth):
    rows = np.repeat(X, 2000, axis=0)
    for gradient in (Pathwise(), Pathwise(samples=2)):
        found = Objective(Amortized(), gradient, Enumeration()).unlabelled(stack, rows, SEED).numpy().reshape(3, -1)
        error = found.std(axis=1) / np.sqrt(found.shape[1])
        assert (np.abs(found.mean(axis=1) - truth[1]) < 4 * error).all()


def test_bound_stays_under_the_evidence(stack, truth):
    log_p = np.array([evidence(stack, x) for x in X.astype(np.float64)])
    assert (truth[1] < log_p).all()
    many = Objective(ImportanceWeighted(3000), Pathwise(), Enumeration())
    bounds = many.labelled(stack, X, tf.eye(K)[:, None, :], SEED).numpy()
    np.testing.assert_allclose(logsumexp(bounds, axis=0), log_p, atol=0.05)
