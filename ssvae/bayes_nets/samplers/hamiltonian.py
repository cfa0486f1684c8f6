"""The transition of HMC as a tfp.mcmc kernel: many chains at once, trajectories of one length, random numbers of ours.

Not tfp.mcmc.HamiltonianMonteCarlo, whose random numbers cost more under XLA on a CPU than the trajectories do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random


class HamiltonianResults(NamedTuple):
    """What a step leaves; names are those that tfp.mcmc's adaptation looks for."""

    log_p: Any  # [chains, rows]
    slope: Any  # [size, chains, rows]
    log_accept_ratio: Any  # [chains, rows]
    step_size: Any  # [rows, 1]
    leapfrogs: Any  # []


class Hamiltonian(tfp.mcmc.TransitionKernel):
    """Leapfrog steps over `length` of the coordinates, with unit mass, and a Metropolis test.

    Parameters
    ----------
    log_prob : function
        Of states [chains, rows, size] -> [chains, rows], nats.
    step_size : Tensor [rows, 1]
    length : float
        Of a trajectory; in coordinates of unit spread π/2 is the way to an independent draw of a Gaussian.
    jitter : float
        Each trajectory has length · U(1 − jitter, 1 + jitter), the same for all chains.
    most : int
        Leapfrog steps at most.
    """

    def __init__(self, log_prob: Callable[[Any], Any], step_size: Any, length: float, jitter: float, most: int) -> None:
        self.log_prob, self.step_size = log_prob, step_size
        self.length, self.jitter, self.most = length, jitter, most

    @property
    def parameters(self) -> dict[str, Any]:
        """See `tfp.mcmc.TransitionKernel`."""
        return {name: getattr(self, name) for name in ("log_prob", "step_size", "length", "jitter", "most")}

    @property
    def is_calibrated(self) -> bool:
        """See `tfp.mcmc.TransitionKernel`."""
        return True

    def bootstrap_results(self, state: tf.Tensor) -> HamiltonianResults:
        """See `tfp.mcmc.TransitionKernel`."""
        log_p, slope = self._slope(_chains_last(state))
        return HamiltonianResults(log_p, slope, tf.zeros_like(log_p), self.step_size, tf.constant(0))

    def one_step(self, state: tf.Tensor, results: HamiltonianResults, seed: Any = None) -> Any:
        """See `tfp.mcmc.TransitionKernel`."""
        u, h = _chains_last(state), results.step_size[:, 0]
        momentum = random.normal(tf.shape(u), random.fold(seed, 0))
        steps = self._steps(h, random.uniform((), random.fold(seed, 1)))

        def leapfrog(step: Any, u: Any, momentum: Any, log_p: Any, slope: Any) -> Any:
            momentum += 0.5 * h * slope
            u += h * momentum
            log_p, slope = self._slope(u)
            return step + 1, u, momentum + 0.5 * h * slope, log_p, slope

        start = (tf.constant(0), u, momentum, results.log_p, results.slope)
        _, moved, last, log_p, slope = tf.while_loop(
            lambda step, *_: step < steps, leapfrog, start, parallel_iterations=1, maximum_iterations=self.most
        )
        log_ratio = log_p - _kinetic(last) - results.log_p + _kinetic(momentum)
        log_ratio = tf.where(tf.math.is_finite(log_ratio), log_ratio, float("-inf"))
        taken = tf.math.log(random.uniform(tf.shape(log_p), random.fold(seed, 2))) < log_ratio
        moved, log_p, slope = (
            tf.where(taken, new, old) for new, old in ((moved, u), (log_p, results.log_p), (slope, results.slope))
        )
        return tf.transpose(moved, [1, 2, 0]), HamiltonianResults(log_p, slope, log_ratio, results.step_size, steps)

    def _steps(self, h: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return how many leapfrog steps the length takes, by the mean step size of the rows."""
        length = self.length * (1.0 + self.jitter * (2.0 * u - 1.0))
        steps = tf.cast(tf.round(length / tf.exp(tf.reduce_mean(tf.math.log(h)))), tf.int32)
        return tf.clip_by_value(steps, 1, self.most)

    def _slope(self, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(u)
            log_p = self.log_prob(tf.transpose(u, [1, 2, 0]))
        return log_p, tape.gradient(log_p, u)


def _chains_last(state: tf.Tensor) -> tf.Tensor:
    """Return [size, chains, rows]: XLA fuses the small sums over a latent's numbers where chains lie side by side."""
    return tf.transpose(state, [2, 0, 1])


def _kinetic(momentum: tf.Tensor) -> tf.Tensor:
    return 0.5 * tf.reduce_sum(tf.square(momentum), axis=0)
