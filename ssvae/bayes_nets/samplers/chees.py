"""ChEES-HMC: one adapted trajectory length for many chains at once.

References
----------
An adaptive MCMC scheme for setting trajectory lengths in Hamiltonian Monte Carlo (Hoffman, Radul and Sountsov, 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend.leapfrog import LogProb
from ssvae.bayes_nets.samplers.base import KernelResults, Sampler, Trace, accepted, divergent
from ssvae.settings.checks import whole


@dataclass(frozen=True)
class ChEES(Sampler):
    """HMC whose trajectory length maximises the change in the estimator of E[|z|²] for each unit of length.

    All chains take equally many steps, quasi-random lengths up to twice the mean; step size and length are adapted in
    the warm-up by all chains together. It needs several chains for each row.

    Parameters
    ----------
    leapfrog : int
        Steps of a trajectory, at most.
    """

    leapfrog: int = 256
    metric: ClassVar[str] = "unit"  # a length is learnt slowly, and each window of a mass matrix would begin again

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        whole(f"leapfrog of {type(self).__name__}", self.leapfrog)

    def kernel(self, log_prob: LogProb, rows: int, warm_up: int) -> tfp.mcmc.TransitionKernel:
        """See `Sampler.kernel`."""
        del rows
        inner = tfp.mcmc.HamiltonianMonteCarlo(
            log_prob, step_size=self.step_size, num_leapfrog_steps=1, store_parameters_in_results=True
        )
        lengths = tfp.experimental.mcmc.GradientBasedTrajectoryLengthAdaptation(
            inner,
            num_adaptation_steps=int(0.9 * warm_up),
            criterion_fn=_change,
            max_leapfrog_steps=self.leapfrog,
        )
        return self.adapted(lengths, warm_up)

    def trace(self, results: KernelResults) -> Trace:
        """See `Sampler.trace`."""
        inner = results.inner_results.inner_results
        steps = inner.accepted_results.num_leapfrog_steps
        return Trace(accepted(inner.log_accept_ratio), divergent(inner.log_accept_ratio), steps)


def _change(
    previous_state: tf.Tensor, proposed_state: tf.Tensor, accept_prob: tf.Tensor, trajectory_length: tf.Tensor
) -> tf.Tensor:
    """Return ¼ (|z' − m'|² − |z − m|²)² / length, [chains, rows]; m are means over the chains of each row."""
    weight = tf.where(tf.math.is_finite(proposed_state), accept_prob[..., tf.newaxis], 0.0)
    proposed = tf.where(tf.math.is_finite(proposed_state), proposed_state, 0.0)
    mean = tf.reduce_sum(weight * proposed, axis=0) / (tf.reduce_sum(weight, axis=0) + 1e-20)
    after = tf.reduce_sum(tf.square(proposed - tf.stop_gradient(mean)), axis=-1)
    before = tf.reduce_sum(tf.square(previous_state - tf.reduce_mean(previous_state, axis=0)), axis=-1)
    return 0.25 * tf.square(after - before) / trajectory_length
