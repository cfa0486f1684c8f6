"""Pathwise (reparameterised) gradient, with closed-form KL terms where they exist.

References
----------
Auto-Encoding Variational Bayes (Kingma and Welling, 2014), eqs. 6, 7 and 10.
Stochastic Backpropagation and Approximate Inference in Deep Generative Models (Rezende, Mohamed and Wierstra, 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ssvae.distributions import Conditionals
from ssvae.gradients.base import Gradient, Integrand, draw


@dataclass(frozen=True)
class Pathwise(Gradient):
    """Reparameterised gradient.

    Approximates ∇E_q[f(z)]; with E_ε[∇f(g(ε))], z = g(ε) ~ q; requires f differentiable and q reparameterised.
    Unbiased; cost: one evaluation of f a sample.

    Parameters
    ----------
    samples : int
        Draws of z a row.
    """

    samples: int = 1
    min_samples = 1
    requires = "reparameterised"

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del training
        values = draw(q, self.samples, seed, check=self.check)
        value = f.closed_form(values).total()
        return value if self.samples == 1 else tf.reduce_mean(value, axis=0)
