"""The contract of a sampler: a tfp.mcmc kernel that adapts in the warm-up and is then frozen."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend.leapfrog import LogProb
from ssvae.registry import Component

DIVERGENT = 1000.0  # error of the energy, nats, beyond which a trajectory counts as divergent, as in Stan


class Trace(NamedTuple):
    """Diagnostics of one step, or arrays of them with a leading axis of steps."""

    accepted: tf.Tensor  # [chains, rows] probability of acceptance
    divergent: tf.Tensor  # [chains, rows] bool
    gradients: tf.Tensor  # [] leapfrog steps of each chain, int32 (their mean over groups of chains, outside)


class KernelResults(Protocol):
    """What `tfp.mcmc.DualAveragingStepSizeAdaptation` returns beside the state."""

    inner_results: Any  # a named tuple of the sampler's own kernel, of tfp.mcmc, which ships no types
    new_step_size: tf.Tensor


@dataclass(frozen=True)
class Sampler(Component):
    """A Markov chain Monte Carlo method.

    Parameters
    ----------
    accept : float
        Probability of acceptance that the step size is adapted to in the warm-up (dual averaging; Hoffman and Gelman,
        2014), then frozen.
    step_size : float
        Where the adaptation starts.
    """

    accept: float = 0.8
    step_size: float = 0.1
    metric: ClassVar[str] = "diagonal"  # default mass matrix (`mass_matrix.MassMatrix`)

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0.0 < self.accept < 1.0:
            raise ValueError(f"accept of {type(self).__name__} must be between 0 and 1, got {self.accept!r}")
        if not 0.0 < self.step_size < float("inf"):
            raise ValueError(f"step_size of {type(self).__name__} must be > 0, got {self.step_size!r}")

    @abstractmethod
    def kernel(self, log_prob: LogProb, rows: int, warm_up: int) -> tfp.mcmc.TransitionKernel:
        """Return the kernel for states [chains, rows, size], which adapts for `warm_up` steps."""

    @abstractmethod
    def trace(self, results: KernelResults) -> Trace:
        """Return the diagnostics of a step."""

    def adapted(self, kernel: tfp.mcmc.TransitionKernel, warm_up: int) -> tfp.mcmc.TransitionKernel:
        """Return the kernel with a step size that is adapted, for each row by all of its chains, and then frozen."""
        return tfp.mcmc.DualAveragingStepSizeAdaptation(
            kernel, num_adaptation_steps=warm_up, target_accept_prob=tf.constant(self.accept, tf.float32)
        )


def accepted(log_ratio: tf.Tensor) -> tf.Tensor:
    """Return the probability of acceptance; 0 where the ratio is not a number."""
    return tf.where(tf.math.is_nan(log_ratio), 0.0, tf.exp(tf.minimum(log_ratio, 0.0)))


def divergent(log_ratio: tf.Tensor) -> tf.Tensor:
    """Return whether the error of the energy is beyond `DIVERGENT`."""
    return tf.logical_not(log_ratio > -DIVERGENT)
