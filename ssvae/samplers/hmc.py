"""Hamiltonian Monte Carlo with trajectories of random length.

References
----------
MCMC using Hamiltonian dynamics (Neal, 2011), §3.2 and §5.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.checks import whole
from ssvae.samplers.base import LogProb, Sampler, Trace, accepted, divergent
from ssvae.samplers.jitter import Jittered


@dataclass(frozen=True)
class HMC(Sampler):
    """HMC with unit mass; the number of leapfrog steps of each transition is drawn from 1, …, `leapfrog`.

    Random lengths keep a trajectory from coming back to where it began, which those of one length do in some
    direction.

    Parameters
    ----------
    leapfrog : int
        L, steps of the longest trajectory.
    jitter : bool
        Whether lengths are random; otherwise all are L.
    """

    leapfrog: int = 10
    jitter: bool = True

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        whole(f"leapfrog of {type(self).__name__}", self.leapfrog)

    def kernel(self, log_prob: LogProb, rows: int, warm_up: int) -> tfp.mcmc.TransitionKernel:
        """See `Sampler.kernel`."""
        inner = tfp.mcmc.HamiltonianMonteCarlo(
            log_prob,
            step_size=tf.fill([rows, 1], self.step_size),
            num_leapfrog_steps=self.leapfrog,
            store_parameters_in_results=True,
        )
        return self.adapted(Jittered(inner, self.leapfrog) if self.jitter else inner, warm_up)

    def trace(self, results: Any) -> Trace:
        """See `Sampler.trace`."""
        inner = results.inner_results
        inner = inner.inner_results if self.jitter else inner
        steps = inner.accepted_results.num_leapfrog_steps
        return Trace(accepted(inner.log_accept_ratio), divergent(inner.log_accept_ratio), steps)
