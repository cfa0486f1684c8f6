"""The contract of a sampler: a tfp.mcmc kernel that adapts itself in its first steps and is frozen after them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.component import Component

LogProb = Callable[[tf.Tensor], tf.Tensor]
DIVERGENT = 1000.0  # error of the energy, nats, beyond which a trajectory is said to have diverged (Stan's number)


class Trace(NamedTuple):
    """What a kernel tells of one step."""

    accepted: Any  # [chains, rows] probability of acceptance
    divergent: Any  # [chains, rows] bool
    gradients: Any  # [] of each chain, leapfrog steps taken, int32 (their mean over groups of chains, outside)


@dataclass(frozen=True)
class Sampler(Component):
    """A kind of Markov chain.

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
    metric: ClassVar[str] = "diagonal"  # what its chains move in unless told (`metric.Metric`)

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
    def trace(self, results: Any) -> Trace:
        """Return what the kernel's results tell of a step."""

    def adapted(self, kernel: Any, warm_up: int) -> Any:
        """Return the kernel with a step size that is adapted, for each row by all of its chains, and then frozen."""
        return tfp.mcmc.DualAveragingStepSizeAdaptation(
            kernel, num_adaptation_steps=warm_up, target_accept_prob=tf.constant(self.accept, tf.float32)
        )


def accepted(log_ratio: tf.Tensor) -> tf.Tensor:
    """Return the probability of acceptance; of a ratio that is no number 0."""
    return tf.where(tf.math.is_nan(log_ratio), 0.0, tf.exp(tf.minimum(log_ratio, 0.0)))


def divergent(log_ratio: tf.Tensor) -> tf.Tensor:
    """Say whether the energy was lost."""
    return tf.logical_not(log_ratio > -DIVERGENT)
