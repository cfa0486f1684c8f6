"""Straight-through: hard draws that are differentiated as if they were means.

References
----------
Estimating or Propagating Gradients Through Stochastic Neurons (Bengio, Léonard and Courville, 2013), §4.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ssvae.distributions import Conditionals
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import model_gradient
from ssvae.gradients.through_draws import through_draws
from ssvae.relaxations import straight_through


@dataclass(frozen=True)
class StraightThrough(Gradient):
    """Straight-through estimator.

    Approximates ∇E_q[f(z)]; with E[∇f(z)], z a draw with the derivative of its mean σ(logit); requires binary latents
    and f differentiable between 0 and 1. Biased where f is not linear in each z_i; unbiased value. Cost: one evaluation
    of f a sample.

    Parameters
    ----------
    samples : int
        Draws a row.
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
        terms, surrogate = through_draws(f, draw(q, self.samples, seed, straight_through, self.check))
        found = tf.stop_gradient(terms.total()) + model_gradient(terms) + surrogate
        return found if self.samples == 1 else tf.reduce_mean(found, axis=0)
