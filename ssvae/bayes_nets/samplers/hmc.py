"""Hamiltonian Monte Carlo with trajectories of a given length, in steps whose size is adapted.

References
----------
MCMC using Hamiltonian dynamics (Neal, 2011), §3.2, §4.1 and §5.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend.leapfrog import LogProb
from ssvae.bayes_nets.samplers.base import KernelResults, Sampler, Trace, accepted, divergent
from ssvae.bayes_nets.samplers.hamiltonian import Hamiltonian
from ssvae.settings.checks import whole


@dataclass(frozen=True)
class HMC(Sampler):
    """HMC with unit mass.

    Parameters
    ----------
    trajectory : float
        Length, in coordinates to which the mass matrix has given unit spread. There a Gaussian's draws are independent
        at π/2, a little beyond it they are antithetic, which helps their mean; at π they return.
    jitter : float
        Lengths are drawn from trajectory · (1 ± jitter), so that no direction returns each time.
    leapfrog : int
        Steps of a trajectory at most.
    """

    accept: float = 0.75
    trajectory: float = 2.0
    jitter: float = 0.2
    leapfrog: int = 256

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        whole(f"leapfrog of {type(self).__name__}", self.leapfrog)
        if not 0.0 < self.trajectory < float("inf") or not 0.0 <= self.jitter < 1.0:
            raise ValueError(
                f"HMC needs trajectory > 0 and jitter in [0, 1), got {self.trajectory!r} and {self.jitter!r}"
            )

    def kernel(self, log_prob: LogProb, rows: int, warm_up: int) -> tfp.mcmc.TransitionKernel:
        """See `Sampler.kernel`."""
        step_size = tf.fill([rows, 1], self.step_size)
        return self.adapted(Hamiltonian(log_prob, step_size, self.trajectory, self.jitter, self.leapfrog), warm_up)

    def trace(self, results: KernelResults) -> Trace:
        """See `Sampler.trace`."""
        inner = results.inner_results
        return Trace(accepted(inner.log_accept_ratio), divergent(inner.log_accept_ratio), inner.leapfrogs)
