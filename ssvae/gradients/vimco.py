"""VIMCO: the score-function gradient of a bound of many samples, each the baseline of the others.

References
----------
Variational inference for Monte Carlo objectives (Mnih and Rezende, 2016), eqs. 7 to 10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from ssvae.backend.surrogates import detached
from ssvae.distributions import Conditionals, given
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import model_gradient, score


@dataclass(frozen=True)
class VIMCO(Gradient):
    """Variational inference for Monte Carlo objectives.

    Approximates ∇ of L_S = E[log 1/S Σ_s w_s], w = exp f; with Σ_s (L_S − L_S^{−s}) ∇log q(z_s) + Σ_s w̃_s ∇f(z_s),
    L_S^{−s} with the geometric mean of the others in place of w_s, w̃ = w / Σ w; requires that q can be drawn and
    scored. An unbiased gradient of L_S, which is a tighter bound of log p(x) than E_q[f] and rises with S. Cost: one
    evaluation of f a sample.

    Parameters
    ----------
    samples : int
        S, at least 2.
    """

    samples: int = 5
    min_samples = 2
    multi_sample = True

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`; here an estimate of L_S."""
        del training
        values = detached(draw(q, self.samples, seed))
        terms = f(values)
        log_w = tf.stop_gradient(terms.total())  # [S, ..., B]
        bound = tf.reduce_logsumexp(log_w, axis=0) - math.log(self.samples)
        signal = bound - self._without_each(log_w)
        log_q = sum(score(given(conditional, values), values[name]) for name, conditional in q.items())
        # log q is in f as well: its share of Σ_s w̃_s ∇log w_s
        weight = (signal - tf.nn.softmax(log_w, axis=0)) * log_q
        return bound + tf.reduce_sum(weight + tf.nn.softmax(log_w, axis=0) * model_gradient(terms), axis=0)

    def _without_each(self, log_w: tf.Tensor) -> tf.Tensor:
        """Return L_S^{−s}, [S, ..., B]."""
        others = (tf.reduce_sum(log_w, axis=0) - log_w) / (self.samples - 1.0)
        every = tf.repeat(log_w[tf.newaxis], self.samples, axis=0)  # [left out, S, ..., B]
        which = tf.reshape(tf.eye(self.samples), [self.samples] * 2 + [1] * (len(log_w.shape) - 1))
        swapped = every + which * (others - log_w)[:, tf.newaxis]
        return tf.reduce_logsumexp(swapped, axis=1) - math.log(self.samples)
