"""A kernel whose inner HMC takes a random number of leapfrog steps, the same for all chains of a transition."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability.python.internal import unnest


class JitteredResults(NamedTuple):
    """Results of the inner kernel, under the name where tfp.mcmc looks for them."""

    inner_results: Any


class Jittered(tfp.mcmc.TransitionKernel):
    """Draws the inner kernel's `num_leapfrog_steps` from 1, …, most before each step.

    A length that does not depend on the state leaves the inner kernel's distribution as it is.
    """

    def __init__(self, inner_kernel: Any, most: int) -> None:
        self.inner_kernel, self.most = inner_kernel, most

    @property
    def parameters(self) -> dict[str, Any]:
        """See `tfp.mcmc.TransitionKernel`."""
        return {"inner_kernel": self.inner_kernel, "most": self.most}

    @property
    def is_calibrated(self) -> bool:
        """See `tfp.mcmc.TransitionKernel`."""
        return self.inner_kernel.is_calibrated

    def copy(self, **changed: Any) -> Jittered:
        """See `tfp.mcmc.TransitionKernel`."""
        return Jittered(**{**self.parameters, **changed})

    def one_step(self, state: Any, results: Any, seed: Any = None) -> tuple[Any, Any]:
        """See `tfp.mcmc.TransitionKernel`."""
        length, inner = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        steps = tf.random.stateless_uniform([], length, 1, self.most + 1, tf.int32)
        prepared = unnest.replace_innermost(results.inner_results, num_leapfrog_steps=steps)
        state, found = self.inner_kernel.one_step(state, prepared, seed=inner)
        return state, JitteredResults(found)

    def bootstrap_results(self, state: Any) -> Any:
        """See `tfp.mcmc.TransitionKernel`."""
        return JitteredResults(self.inner_kernel.bootstrap_results(state))
