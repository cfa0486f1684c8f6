"""Mean propagation: the means of q in place of draws.

References
----------
Iterative Refinement of Approximate Posterior for Training Directed Belief Networks (Hjelm et al., 2015), §3: "pass the
centres"; Mean field theory for sigmoid belief networks (Saul, Jaakkola and Jordan, 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ssvae.backend.surrogates import detached
from ssvae.distributions import Conditionals
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import model_gradient
from ssvae.gradients.through_draws import through_draws
from ssvae.relaxations import soft


@dataclass(frozen=True)
class MeanPropagation(Gradient):
    """Mean propagation.

    Approximates ∇E_q[f(z)]; for q with ∇f(μ), μ = E_q[z] put through the networks, for p with E_q[∇f(z)]; requires
    binary latents and f differentiable between 0 and 1. No variance for q, but biased where f is not linear in each
    z_i. The value is that of draws, so that it stays a bound. Cost: two evaluations of f.

    Parameters
    ----------
    samples : int
        Draws a row, for the value.
    """

    samples: int = 1
    min_samples = 1
    unbiased = False
    requires = "binary"

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del training
        terms = f(detached(draw(q, self.samples, seed, check=self.check)))
        found = tf.stop_gradient(terms.total()) + model_gradient(terms)
        found = found if self.samples == 1 else tf.reduce_mean(found, axis=0)
        return found + through_draws(f, draw(q, 1, seed, soft))[1]
