"""Double control variates: the score-function gradient minus a linear control variate with known mean.

References
----------
Double Control Variates for Gradient Estimation in Discrete Latent Variable Models (Titsias and Shi, 2022), §3.
MuProp: Unbiased Backpropagation for Stochastic Neural Networks (Gu, Levine, Sutskever and Mnih, 2016), eq. 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend.surrogates import detached, gradient_only
from ssvae.distributions import BinaryVector, Conditionals, given
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import local_signals, model_gradient, score
from ssvae.gradients.through_draws import value_and_gradients


@dataclass(frozen=True)
class DoubleControl(Gradient):
    """Double control variates.

    Approximates ∇E_q[f(z)]; with mean_s Σ_i [(r_is − mean_{t≠s} r_its) ∇log q(z_is | ·) + α_isᵀ∇μ_is] + ∇f(z_s), where
    α_s is the mean of ∂f/∂z at the other draws, μ the mean of z given what is drawn before it, and r what is left of
    the local signal l_i less Σ_{j ≥ i} α_jsᵀ(z_j − μ_j); requires binary latents and f differentiable between 0 and 1.
    Unbiased, because α_s does not depend on z_s. Cost: one evaluation of f and of its gradient by z a sample.

    Parameters
    ----------
    samples : int
        S, at least 2: α and the baseline of a draw are means over the others.
    """

    samples: int = 8
    min_samples = 2

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del training
        values = detached(draw(q, self.samples, seed))
        terms, gradients = value_and_gradients(f, values)
        value = tf.stop_gradient(terms.total())
        signals = local_signals(terms, f.parents(values), list(q))
        found, own, others = value + model_gradient(terms), tf.constant(0.0), tf.constant(0.0)
        for name in reversed(list(q)):
            distribution = given(q[name], values)
            mean = _mean(distribution, values[name])
            away, slope = values[name] - tf.stop_gradient(mean), self._others(gradients[name])
            own += _dot(slope, away)
            others += _dot(slope, self._others(away))
            signal = signals.get(name, value)
            left = signal - own - (self._others(signal) - others)
            found += left * score(distribution, values[name]) + _dot(slope, gradient_only(mean))
        return tf.reduce_mean(found, axis=0)

    def _others(self, each: tf.Tensor) -> tf.Tensor:
        """Return, for each draw, the mean over the other draws, [S, ...]."""
        return (tf.reduce_sum(each, axis=0) - each) / (self.samples - 1.0)


def _dot(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(first * second, axis=-1)


def _mean(distribution: tfd.Distribution, value: tf.Tensor) -> tf.Tensor:
    """Return the mean of each number given those before it, at their values."""
    mean = distribution.means(value) if isinstance(distribution, BinaryVector) else distribution.mean()
    return mean + tf.zeros_like(value)  # with the axis of the draws
