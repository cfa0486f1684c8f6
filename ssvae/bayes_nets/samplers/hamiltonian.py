"""HMC as a tfp.mcmc kernel: many chains at once, trajectories of one length (`ssvae.backend.leapfrog`).

References
----------
MCMC using Hamiltonian dynamics (Neal, 2011), §3.2.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random
from ssvae.backend.leapfrog import LogProb, Position, position, transition


class HamiltonianResults(NamedTuple):
    """What a step leaves; names are those that tfp.mcmc's adaptation looks for."""

    log_p: tf.Tensor  # [chains, rows]
    gradient: tf.Tensor  # [size, chains, rows]
    log_accept_ratio: tf.Tensor  # [chains, rows]
    step_size: tf.Tensor  # [rows, 1]
    leapfrogs: tf.Tensor  # []


class Hamiltonian(tfp.mcmc.TransitionKernel):
    """Leapfrog steps over `length` of the coordinates, with unit mass, and a Metropolis test.

    Parameters
    ----------
    log_prob : function
        Of states [chains, rows, size] -> [chains, rows], nats.
    step_size : Tensor [rows, 1]
    length : float
        Of a trajectory; in coordinates of unit spread π/2 leads to an independent draw of a Gaussian.
    jitter : float
        Each trajectory has length · U(1 − jitter, 1 + jitter), the same for all chains.
    most : int
        Leapfrog steps at most.
    """

    def __init__(self, log_prob: LogProb, step_size: tf.Tensor, length: float, jitter: float, most: int) -> None:
        self.log_prob, self.step_size = log_prob, step_size
        self.length, self.jitter, self.most = length, jitter, most

    @property
    def parameters(self) -> dict[str, object]:
        """See `tfp.mcmc.TransitionKernel`."""
        own = {"length": self.length, "jitter": self.jitter, "most": self.most}
        return {"log_prob": self.log_prob, "step_size": self.step_size, **own}

    @property
    def is_calibrated(self) -> bool:
        """See `tfp.mcmc.TransitionKernel`."""
        return True

    def bootstrap_results(self, state: tf.Tensor) -> HamiltonianResults:
        """See `tfp.mcmc.TransitionKernel`."""
        start = position(self._log_prob, _chains_last(state))
        zeros = tf.zeros_like(start.log_p)
        return HamiltonianResults(start.log_p, start.gradient, zeros, self.step_size, tf.constant(0))

    def one_step(
        self, state: tf.Tensor, results: HamiltonianResults, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, HamiltonianResults]:
        """See `tfp.mcmc.TransitionKernel`; `seed` is a Tensor [2] int32, and must be given."""
        start, h = Position(_chains_last(state), results.log_p, results.gradient), results.step_size[:, 0]
        momentum = random.normal(tf.shape(start.state), random.fold(seed, 0))
        steps = self._steps(h, random.uniform((), random.fold(seed, 1)))
        log_uniform = tf.math.log(random.uniform(tf.shape(start.log_p), random.fold(seed, 2)))
        end, log_ratio = transition(self._log_prob, start, momentum, log_uniform, h, steps, self.most, axis=0)
        left = HamiltonianResults(end.log_p, end.gradient, log_ratio, results.step_size, steps)
        return tf.transpose(end.state, [1, 2, 0]), left

    def _steps(self, h: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return how many leapfrog steps the length takes, by the mean step size of the rows."""
        length = self.length * (1.0 + self.jitter * (2.0 * u - 1.0))
        steps = tf.cast(tf.round(length / tf.exp(tf.reduce_mean(tf.math.log(h)))), tf.int32)
        return tf.clip_by_value(steps, 1, self.most)

    def _log_prob(self, u: tf.Tensor) -> tf.Tensor:
        """Return log p of states [size, chains, rows]."""
        return self.log_prob(tf.transpose(u, [1, 2, 0]))


def _chains_last(state: tf.Tensor) -> tf.Tensor:
    """Return [size, chains, rows]: XLA fuses the small sums over a latent's numbers where chains lie side by side."""
    return tf.transpose(state, [2, 0, 1])
