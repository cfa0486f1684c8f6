"""Classes by Bayes' rule against quadrature in numpy: four binary pixels, three classes, one latent or two."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import norm

from ssvae import prediction
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m1_m2 import M1M2
from ssvae.models.m2 import M2

D, K = 4, 3
X = np.array([[0, 0, 1, 1], [1, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], np.float32)
PRIOR = [0.6, 0.3, 0.1]
GRID, CELL = np.linspace(-9.0, 9.0, 301, retstep=True)
FLOOR = -6.0  # of the Gaussian likelihood's log-variance


def moved(model, scales):
    """Return the model with random weights, as wide as `scales` says by a part of their path."""
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        (scale,) = (value for part, value in scales.items() if part in weight.path)
        weight.assign(rng.normal(0.0, scale, weight.shape))
    bias = model.encoder.biases[-1]  # log-variances around 1: a q that is wider than the posterior, as weights need it
    bias.assign(np.array(bias) + np.repeat([0.0, 1.0], model.latent))
    return model


def network(mlp, *parts):
    """Return the outputs of an MLP of softplus layers, in double precision from its weights."""
    weights = [np.asarray(weight, np.float64) for weight in (*mlp.first, *mlp.kernels)]
    biases = [np.asarray(bias, np.float64) for bias in mlp.biases]
    h = biases[0] + sum(part @ weight for part, weight in zip(parts, weights, strict=False))
    for weight, bias in zip(weights[len(parts) :], biases[1:], strict=True):
        h = np.logaddexp(0, h) @ weight + bias
    return h


def log_bernoulli(x, logits):
    return (x * logits - np.logaddexp(0, logits)).sum(axis=-1)


def log_gaussian_output(value, h):
    """Return log N(value; h) of the Gaussian likelihood of one column."""
    mean, log_variance = np.split(h, 2, axis=-1)
    variance = np.exp(FLOOR + np.logaddexp(0, log_variance - FLOOR))
    return norm.logpdf(value, mean, np.sqrt(variance))[..., 0]


def log_p_of_u(m2, u, k):
    """Return log ∫ p(z2) p(u | y = k, z2) dz2 for values u [N] of M2's only column."""
    y, z2 = np.tile(np.eye(K)[k], (len(GRID), 1)), GRID[:, None]
    h = network(m2.decoder, z2, y)
    each = log_gaussian_output(u[:, None, None], h[None]) + norm.logpdf(GRID)
    return logsumexp(each, axis=1) + np.log(CELL)


@pytest.fixture(scope="module")
def stack():
    """Return an M1+M2 with two columns of z1, of which M2 sees the second, standardised."""
    settings = {"latent": 1, "hidden": [5], "activation": "softplus", "prior": PRIOR, "active": [1]}
    m1 = {"latent": 2, "hidden": [5], "activation": "softplus"}
    model = M1M2(D, K, Bernoulli(), Gaussian(FLOOR), m1=m1, **settings)
    moved(model.first, {"encoder": 0.4, "decoder": 1.0})
    moved(model.second, {"encoder": 0.2, "decoder": 0.7, "classifier": 0.5})
    model.selection.shift.assign([0.4])
    model.selection.scale.assign([0.6])
    return model


def by_quadrature(model):
    """Return p(y | x) of the stack, [B, K], by sums over a grid of z1 and z2."""
    shift, scale = float(model.selection.shift[0]), float(model.selection.scale[0])
    z1 = np.stack(np.meshgrid(GRID, GRID, indexing="ij"), axis=-1)  # [dropped, active, 2]
    log_p_x = log_bernoulli(X[:, None, None], network(model.first.decoder, z1)[None])  # [B, dropped, active]
    scores = []
    for k in range(K):
        active = log_p_of_u(model.second, (GRID - shift) / scale, k) - np.log(scale)
        assert logsumexp(active) + np.log(CELL) == pytest.approx(0.0, abs=1e-6)  # a density, inside the grid
        log_p_z1 = norm.logpdf(GRID)[:, None] + active[None]
        scores.append(logsumexp(log_p_x + log_p_z1, axis=(1, 2)) + 2 * np.log(CELL) + np.log(PRIOR[k]))
    return softmax(np.array(scores).T, axis=1)


def by_quadrature_at_mean(model):
    """Return p(y | z1) of M2, [B, K], z1 the mean of q(z1 | x)."""
    mean = network(model.first.encoder, X.astype(np.float64))[:, 1]
    u = (mean - float(model.selection.shift[0])) / float(model.selection.scale[0])
    return softmax(np.array([log_p_of_u(model.second, u, k) + np.log(PRIOR[k]) for k in range(K)]).T, axis=1)


def agree(found, expected):
    """Hold estimates [B, repetitions, K] to the truth [B, K] by their own spread, which must be small."""
    error = found.std(axis=1) / np.sqrt(found.shape[1])
    assert error.max() < 6e-3
    assert (np.abs(found.mean(axis=1) - expected) < 4 * error + 1e-3).all()


def test_of_the_stack_it_is_the_whole_models(stack):
    expected, at_mean = by_quadrature(stack), by_quadrature_at_mean(stack)
    assert np.abs(expected - at_mean).max() > 0.1, "the comparison says nothing"
    assert np.abs(expected - PRIOR).max() > 0.1
    rows = np.repeat(X, 40, axis=0)
    found = prediction.classify_by_bayes(stack, rows, 1000, Amortized()).reshape(len(X), 40, K)
    agree(found, expected)


def test_at_the_mean_of_z1_it_is_that_of_m2_alone(stack):
    rows = np.repeat(X, 40, axis=0)
    found = prediction.classify_by_bayes(stack, rows, 1000, Amortized(), at_mean=True).reshape(len(X), 40, K)
    agree(found, by_quadrature_at_mean(stack))


@pytest.mark.parametrize("at_mean", [False, True])
def test_of_m2_alone(at_mean):
    model = M2(D, K, Bernoulli(), latent=1, hidden=[5], activation="softplus", prior=PRIOR)
    moved(model, {"encoder": 0.4, "decoder": 1.0, "classifier": 0.5})
    scores = []
    for k in range(K):
        logits = network(model.decoder, GRID[:, None], np.tile(np.eye(K)[k], (len(GRID), 1)))
        scores.append(logsumexp(log_bernoulli(X[:, None], logits[None]) + norm.logpdf(GRID), axis=1) + np.log(PRIOR[k]))
    expected = softmax(np.array(scores).T, axis=1)
    found = prediction.classify_by_bayes(model, np.repeat(X, 10, axis=0), 2000, Amortized(), at_mean=at_mean)
    agree(found.reshape(len(X), 10, K), expected)


@pytest.mark.parametrize("at_mean", [False, True])
def test_one_draw_is_enough_for_probabilities(stack, at_mean):
    found = prediction.classify_by_bayes(stack, np.repeat(X, 200, axis=0), 1, Amortized(), at_mean=at_mean)
    assert found.shape == (1000, K)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
    # Of one draw each, log odds less those of the prior have a mean near that of the ELBOs, far from 0 for most rows.
    odds = (np.log(found) - log_softmax(np.log(PRIOR))).reshape(len(X), 200, K)
    assert np.abs((odds - odds.mean(axis=2, keepdims=True)).mean(axis=1)).max() > 0.3
