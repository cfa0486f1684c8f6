"""What every inference method of the table keeps to, on a linear-Gaussian model whose log p(x) has a closed form."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

from ssvae import noise
from ssvae.distributions import diagonal_normal, standard_normal
from ssvae.gradients.base import draw
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.quadrature import Quadrature
from ssvae.inference import INFERENCES
from ssvae.inference.amortized import Amortized
from ssvae.inference.base import Evidence, Inference
from ssvae.inference.importance_weighted import ImportanceWeighted

RNG = np.random.default_rng(0)
D, Z, K = 3, 2, 3
LOADING = RNG.normal(size=(Z, D)).astype(np.float32)
CLASS_MEAN = RNG.normal(size=(K, D)).astype(np.float32)
LOG_VARIANCE = np.float32(-0.7)
X = RNG.normal(size=(4, D)).astype(np.float32)
EVERY = tf.eye(K)[:, None, :]
SEED = noise.seed_tensor(1)


class Climber:
    """In the place of a learnt update network: half a natural step up the slope that it is told."""

    def prepare(self, *still):
        return 0.0

    def __call__(self, known, slope, parameters):
        mean, log_variance = tf.split(slope, 2, axis=-1)
        variance = tf.exp(tf.split(parameters, 2, axis=-1)[1])
        return parameters + 0.5 * tf.concat([variance * mean, 2.0 * log_variance], axis=-1)


class LinearGaussian:
    """z ~ N(0, I), x | y, z ~ N(W z + m_y, s² I); q is a diagonal Gaussian near the posterior, off by `error`."""

    def __init__(self, error=0.3):
        noise_variance = np.exp(LOG_VARIANCE)
        precision = np.eye(Z) + LOADING @ LOADING.T / noise_variance
        self.gain = (np.linalg.inv(precision) @ LOADING / noise_variance).astype(np.float32)  # [Z, D]
        self.log_variance = -np.log(np.diag(precision)).astype(np.float32)
        self.error = error
        self.updates = {"z": Climber()}

    def joint(self, y):
        offset = 0.0 if y is None else y @ CLASS_MEAN
        return {
            "z": standard_normal(Z),
            "x": lambda v: diagonal_normal(tf.tensordot(v["z"], LOADING, 1) + offset, tf.fill([D], LOG_VARIANCE)),
        }

    def encode(self, x, y):
        centred = x - (0.0 if y is None else y @ CLASS_MEAN)
        mean = tf.tensordot(centred, self.gain.T, 1) + self.error
        return {"z": tf.concat([mean, tf.zeros_like(mean) + self.log_variance], -1)}

    def recognise(self, x, y, infer):
        return infer(self, x, y)

    def nothing_known(self, x, y):
        return {"z": tf.zeros([x.shape[0], 2 * Z])}

    def posterior(self, parameters):
        return {"z": diagonal_normal(*tf.split(parameters["z"], 2, axis=-1))}

    def log_evidence(self, x, k=None) -> np.ndarray:
        mean = np.zeros(D) if k is None else CLASS_MEAN[k]
        return multivariate_normal(mean, LOADING.T @ LOADING + np.exp(LOG_VARIANCE) * np.eye(D)).logpdf(x)

    def elbo(self, x) -> np.ndarray:
        """E_q[log p(x, z)] + H(q), every term in closed form."""
        parameters = self.encode(tf.constant(x), None)
        mean, log_variance = np.split(np.array(parameters["z"], float), 2, axis=1)
        variance = np.exp(log_variance)
        s2 = np.exp(LOG_VARIANCE)
        squares = ((x - mean @ LOADING) ** 2).sum(axis=1) + variance @ (LOADING**2).sum(axis=1)
        likelihood = -0.5 * (D * np.log(2 * np.pi * s2) + squares / s2)
        kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1)
        return likelihood - kl


@pytest.fixture(params=INFERENCES.names())
def inference(request):
    settings = {"iterative": {"encodings": ("gradient",), "samples": 10}}
    return INFERENCES.build({"name": request.param, **settings.get(request.param, {})})


def test_bound_is_below_log_p_in_expectation(inference):
    model, rows = LinearGaussian(), np.repeat(X, 2000, axis=0)
    found = np.array(inference.bound(model, rows, None, Pathwise(), SEED)).reshape(len(X), -1)
    error = found.std(axis=1) / np.sqrt(found.shape[1])
    log_p = model.log_evidence(X)
    assert (found.mean(axis=1) < log_p + 4 * error).all()
    assert (found.mean(axis=1) > log_p - 3.0).all()  # q is near the posterior
    assert isinstance(inference, Inference)
    assert type(inference).from_config(inference.get_config()) == inference


def test_shapes_and_every_class_under_its_own_mean(inference):
    model = LinearGaussian(error=0.0)
    assert inference.bound(model, X, None, Pathwise(), SEED).shape == (4,)
    rows = np.repeat(X, 500, axis=0)
    found = np.array(inference.bound(model, rows, EVERY, Pathwise(), SEED))
    assert found.shape == (K, len(rows))
    log_p = np.array([model.log_evidence(X, k) for k in range(K)])
    means = found.reshape(K, len(X), -1).mean(axis=2)
    assert (means < log_p + 0.1).all()
    np.testing.assert_allclose(means, log_p, atol=0.6)


def test_bound_has_a_gradient_by_the_model_and_by_q(inference):
    model = LinearGaussian()
    error, loading = tf.Variable(0.5), tf.Variable(LOADING)

    class Learnt(LinearGaussian):
        def joint(self, y):
            p = super().joint(y)
            return {**p, "x": lambda v: diagonal_normal(v["z"] @ loading, tf.fill([D], LOG_VARIANCE))}

    model = Learnt(error)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(inference.bound(model, np.repeat(X, 500, 0), None, Pathwise(), SEED, training=True))
    by_error, by_loading = tape.gradient(value, [error, loading])
    assert float(by_error) < 0  # a larger error is a lower bound
    assert np.isfinite(by_loading).all()
    assert np.abs(by_loading).max() > 0


def test_amortized_is_the_closed_form_elbo():
    model = LinearGaussian()
    np.testing.assert_allclose(Amortized().bound(model, X, None, Quadrature(8), SEED), model.elbo(X), atol=1e-4)
    rows = np.repeat(X, 3000, axis=0)
    found = np.array(Amortized().bound(model, rows, None, Pathwise(), SEED)).reshape(len(X), -1)
    error = found.std(axis=1) / np.sqrt(found.shape[1])
    assert (np.abs(found.mean(axis=1) - model.elbo(X)) < 4 * error).all()


def test_importance_weighted_approaches_log_p_from_below():
    model, rows = LinearGaussian(error=0.6), np.repeat(X, 200, axis=0)
    gaps = []
    for samples in (2, 20, 200):
        bounds = np.array(ImportanceWeighted(samples).bound(model, rows, None, Pathwise(), SEED))
        gaps.append((model.log_evidence(X) - bounds.reshape(len(X), -1).mean(axis=1)).mean())
    assert model.log_evidence(X).mean() - model.elbo(X).mean() > gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] < 0.02
    with pytest.raises(ValueError, match="samples >= 2, got 1: use 'amortized'"):
        ImportanceWeighted(1)


def test_closed_form_kl_is_the_mean_of_its_sampled_terms():
    model, rows = LinearGaussian(), np.repeat(X, 5000, axis=0)
    q = model.posterior(model.encode(tf.constant(rows), None))
    evidence = Evidence(model.joint(None), q, rows)
    values = draw(q, 1, SEED)
    sampled, closed = evidence(values), evidence.closed_form(values)
    assert not closed.negative_log_posterior
    estimate = (sampled.log_prior["z"] + sampled.negative_log_posterior["z"]).numpy().reshape(len(X), -1)
    error = estimate.std(axis=1) / np.sqrt(estimate.shape[1])
    truth = closed.log_prior["z"].numpy().reshape(len(X), -1)
    assert np.ptp(truth, axis=1).max() < 1e-5
    assert (np.abs(estimate.mean(axis=1) - truth[:, 0]) < 4 * error).all()
