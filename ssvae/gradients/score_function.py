"""Score-function gradient (REINFORCE) with a leave-one-out baseline.

References
----------
Simple statistical gradient-following algorithms for connectionist reinforcement learning (Williams, 1992).
Buy 4 REINFORCE samples, get a baseline for free! (Kool, van Hoof and Welling, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ssvae.distributions import Conditionals, given
from ssvae.gradients.base import Gradient, Integrand, draw


@dataclass(frozen=True)
class ScoreFunction(Gradient):
    """Score-function gradient.

    Approximates ∇E_q[f(z)]; with E_q[(f(z) − b) ∇log q(z) + ∇f(z)], b the mean of the other samples; requires only
    that q can be drawn and scored. Unbiased; cost: one evaluation of f a sample. The table has it a second time as
    'sample', what it does when the variable is the class.

    Parameters
    ----------
    samples : int
        Draws a row, at least 2 (the baseline of one sample is the mean of the others).
    """

    samples: int = 8
    min_samples = 2

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del training
        values = {name: tf.stop_gradient(value) for name, value in draw(q, self.samples, seed).items()}
        value = f(values).total()
        log_q = sum(given(conditional, values).log_prob(values[name]) for name, conditional in q.items())
        others = (tf.reduce_sum(value, axis=0) - value) / (self.samples - 1.0)
        signal = tf.stop_gradient(value - others)
        return tf.reduce_mean(value + signal * (log_q - tf.stop_gradient(log_q)), axis=0)
