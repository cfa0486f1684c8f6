"""The No-U-Turn sampler.

References
----------
The No-U-Turn Sampler (Hoffman and Gelman, 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend.leapfrog import LogProb
from ssvae.bayes_nets.samplers.base import KernelResults, Sampler, Trace, accepted
from ssvae.settings.checks import whole


@dataclass(frozen=True)
class NUTS(Sampler):
    """NUTS with unit mass; a trajectory doubles until it turns back.

    Parameters
    ----------
    doublings : int
        At most; a trajectory has at most 2^doublings leapfrog steps. Chains that are run together wait for the longest.
    """

    doublings: int = 8

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        whole(f"doublings of {type(self).__name__}", self.doublings)

    def kernel(self, log_prob: LogProb, rows: int, warm_up: int) -> tfp.mcmc.TransitionKernel:
        """See `Sampler.kernel`."""
        inner = tfp.mcmc.NoUTurnSampler(
            log_prob, step_size=tf.fill([rows, 1], self.step_size), max_tree_depth=self.doublings
        )
        return self.adapted(inner, warm_up)

    def trace(self, results: KernelResults) -> Trace:
        """See `Sampler.trace`."""
        inner = results.inner_results
        taken = tf.reduce_max(inner.leapfrogs_taken)
        return Trace(accepted(inner.log_accept_ratio), inner.has_divergence, taken)
