"""Gumbel-softmax (binary concrete): relaxed draws that can be differentiated.

References
----------
Categorical Reparameterization with Gumbel-Softmax (Jang, Gu and Poole, 2017); The Concrete Distribution (Maddison, Mnih
and Teh, 2017), App. B.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ssvae.backend.surrogates import detached
from ssvae.distributions import Conditionals
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import model_gradient
from ssvae.gradients.through_draws import through_draws
from ssvae.relaxations import relaxed


@dataclass(frozen=True)
class GumbelSoftmax(Gradient):
    """Gumbel-softmax of binary numbers.

    Approximates ∇E_q[f(z)]; for q with E_u[∇f(σ((logit − logit(u)) / τ))], for p with E_q[∇f(z)]; requires binary
    latents and f differentiable between 0 and 1. Biased for q, less so and noisier as τ → 0. The value is that of hard
    draws by the same u, so that it stays a bound. Cost: two evaluations of f a sample.

    Parameters
    ----------
    samples : int
        Draws a row.
    temperature : float
        τ.
    """

    samples: int = 1
    temperature: float = 0.5
    min_samples = 1
    unbiased = False
    requires = "binary"

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if not self.temperature > 0.0:
            raise ValueError(f"{self.named()} needs temperature > 0, got {self.temperature!r}")

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del training
        terms = f(detached(draw(q, self.samples, seed, check=self.check)))
        surrogate = through_draws(f, draw(q, self.samples, seed, relaxed(self.temperature)))[1]
        found = tf.stop_gradient(terms.total()) + model_gradient(terms) + surrogate
        return found if self.samples == 1 else tf.reduce_mean(found, axis=0)
