"""A linear-Gaussian model: its log p, its posterior, its bounds and their gradients have closed forms."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

from ssvae.distributions import diagonal_normal, standard_normal
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.capabilities import HasDensity

RNG = np.random.default_rng(0)
D, Z, K = 3, 2, 3
LOADING = RNG.normal(size=(Z, D)).astype(np.float32)
CLASS_MEAN = RNG.normal(size=(K, D)).astype(np.float32)
X = RNG.normal(size=(4, D)).astype(np.float32)
ORTHOGONAL = np.float32([[1.0, 2.0, 0.5], [1.0, -0.5, 0.0]])


class NaturalStep:
    """In the place of a learnt update network: half a natural gradient step."""

    def prepare(self, *still):
        return 0.0

    def __call__(self, known, gradient, parameters):
        mean, log_variance = tf.split(gradient, 2, axis=-1)
        variance = tf.exp(tf.split(parameters, 2, axis=-1)[1])
        return parameters + 0.5 * tf.concat([variance * mean, 2.0 * log_variance], axis=-1)


class LinearGaussian(HasDensity):
    """z ~ N(0, I), x | y, z ~ N(W z + m_y, s² I); q is a diagonal Gaussian near the best one.

    Its means are off by `error`, its log-variances by `wider`. The best diagonal q has the exact posterior's mean and
    the reciprocals of its precision's diagonal for variances; it is exact where the rows of W are orthogonal.
    """

    x, classes, features, orthogonal = X, K, D, ORTHOGONAL
    likelihood = Gaussian()  # for what networks see of x
    log_variance = np.float32(-0.7)  # log s²

    def __init__(self, error=0.3, wider=0.0, loading=LOADING):
        self.error, self.wider, self.loading = error, wider, np.float32(loading)
        self.latent, self.noise_variance = len(loading), np.exp(self.log_variance)
        self.precision = np.eye(self.latent) + self.loading @ self.loading.T / self.noise_variance
        gain = np.linalg.inv(self.precision) @ self.loading / self.noise_variance
        self.gain = gain.astype(np.float32)  # [Z, D]
        self.best_log_variance = -np.log(np.diag(self.precision)).astype(np.float32)
        self.updates = {"z": NaturalStep()}

    def joint(self, y):
        offset = 0.0 if y is None else y @ CLASS_MEAN
        return {
            "z": standard_normal(self.latent),
            "x": lambda v: diagonal_normal(
                tf.tensordot(v["z"], self.loading, 1) + offset, tf.fill([D], self.log_variance)
            ),
        }

    def encode(self, x, y):
        centred = x - (0.0 if y is None else y @ CLASS_MEAN)
        mean = tf.tensordot(centred, self.gain.T, 1) + self.error
        return {"z": tf.concat([mean, tf.zeros_like(mean) + self.best_log_variance + self.wider], -1)}

    def prior_parameters(self, x, y):
        like = x[..., :1] if y is None else x[..., :1] + y[..., :1]
        return {"z": tf.zeros_like(like) * tf.ones([2 * self.latent])}

    def posterior(self, parameters):
        return {"z": diagonal_normal(*tf.split(parameters["z"], 2, axis=-1))}

    def log_evidence(self, x, k=None) -> np.ndarray:
        mean = np.zeros(D) if k is None else CLASS_MEAN[k]
        return multivariate_normal(mean, self.loading.T @ self.loading + self.noise_variance * np.eye(D)).logpdf(x)

    def best(self, x, k=None) -> np.ndarray:
        """λ of the best diagonal posterior, [B, 2Z]."""
        mean = (x - (0.0 if k is None else CLASS_MEAN[k])) @ self.gain.T
        return np.concatenate([mean, np.broadcast_to(self.best_log_variance, mean.shape)], axis=1)

    def elbo(self, x, parameters=None) -> np.ndarray:
        """E_q[log p(x, z)] + H(q) at λ [B, 2Z], every term in closed form; by default at `encode`."""
        parameters = self.encode(tf.constant(x), None)["z"] if parameters is None else parameters
        mean, log_variance = np.split(np.array(parameters, float), 2, axis=1)
        variance, s2 = np.exp(log_variance), self.noise_variance
        squares = ((x - mean @ self.loading) ** 2).sum(axis=1) + variance @ (self.loading**2).sum(axis=1)
        likelihood = -0.5 * (D * np.log(2 * np.pi * s2) + squares / s2)
        kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1)
        return likelihood - kl

    def gradient(self, x, parameters) -> np.ndarray:
        """∇_λ of `elbo`, [B, 2Z]."""
        mean, log_variance = np.split(np.array(parameters, float), 2, axis=1)
        by_mean = (x - mean @ self.loading) @ self.loading.T / self.noise_variance - mean
        by_log_variance = 0.5 * (1.0 - np.exp(log_variance) * np.diag(self.precision))
        return np.concatenate([by_mean, by_log_variance], axis=1)


@pytest.fixture(scope="session")
def linear_gaussian():
    """Return the class, whose attributes are rows `x` and the widths."""
    return LinearGaussian
