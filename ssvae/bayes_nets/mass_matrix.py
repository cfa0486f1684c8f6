"""Mass matrices, as linear maps to coordinates in which the posterior has about unit spread; learnt in the warm-up.

References
----------
MCMC using Hamiltonian dynamics (Neal, 2011), §4.1: a linear map of the state does what a mass matrix does.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ssvae.settings.checks import one_of

METRICS = ("unit", "diagonal", "dense")
PRIOR = 5.0  # draws that a variance of 0.001 counts for, as in Stan: a window of few draws does not collapse a scale


class MassMatrix:
    """state = center + factor · u of each row; unit mass in u is the mass matrix (factor · factorᵀ)⁻¹ in states.

    Parameters
    ----------
    kind : "unit", "diagonal" or "dense"
        Whether to leave states as they are, to divide by standard deviations, or by a Cholesky factor of the
        covariance, which costs size² a gradient and needs many draws.
    rows, size : int

    Raises
    ------
    ValueError
        If the kind is none of these.
    """

    def __init__(self, kind: str, rows: int, size: int) -> None:
        one_of("metric", kind, METRICS)
        self.kind = kind
        self.center = tf.Variable(tf.zeros([rows, size]))
        self.factor = tf.Variable(self._unit(rows, size))

    def _unit(self, rows: int, size: int) -> tf.Tensor:
        return tf.eye(size, batch_shape=[rows]) if self.kind == "dense" else tf.ones([rows, size])

    def reset(self) -> None:
        """Go back to unit mass."""
        self.center.assign(tf.zeros_like(self.center))
        self.factor.assign(self._unit(*self.center.shape))

    def state(self, u: tf.Tensor) -> tf.Tensor:
        """Return the states of u [..., rows, size]."""
        factor = tf.convert_to_tensor(self.factor)
        moved = tf.einsum("rij,...rj->...ri", factor, u) if self.kind == "dense" else factor * u
        return self.center + moved

    def coordinates(self, state: tf.Tensor) -> tf.Tensor:
        """Return u of states [chains, rows, size]."""
        centred = state - self.center
        if self.kind != "dense":
            return centred / self.factor
        return tf.linalg.triangular_solve(self.factor, centred[..., tf.newaxis])[..., 0]

    def learn(self, states: np.ndarray) -> None:
        """Set center and factor to mean and spread of states [n, chains, rows, size]."""
        flat = np.float64(states).reshape(-1, *states.shape[2:])
        n, share = len(flat), len(flat) / (len(flat) + PRIOR)
        self.center.assign(np.float32(flat.mean(axis=0)))
        if self.kind == "diagonal":
            self.factor.assign(np.float32(np.sqrt(share * flat.var(axis=0) + 1e-3 * (1.0 - share))))
        if self.kind == "dense":
            centred = np.moveaxis(flat - flat.mean(axis=0), 1, 0)
            covariance = np.einsum("rni,rnj->rij", centred, centred) / n
            covariance = share * covariance + 1e-3 * (1.0 - share) * np.eye(flat.shape[-1])
            self.factor.assign(np.float32(np.linalg.cholesky(covariance)))
