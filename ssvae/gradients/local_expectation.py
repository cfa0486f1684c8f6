"""Local expectations: each binary number summed out exactly, the others drawn.

References
----------
Local Expectation Gradients for Black Box Variational Inference (Titsias and Lázaro-Gredilla, 2015), §3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.backend.surrogates import gradient_only
from ssvae.distributions import Conditionals, Values, given
from ssvae.gradients.base import Gradient, Integrand
from ssvae.gradients.score import model_gradient
from ssvae.relaxations import hard


@dataclass(frozen=True)
class LocalExpectation(Gradient):
    """Local expectation gradient.

    Approximates ∇E_q[f(z)]; with Σ_i E_q[f(z_i = 1, rest) − f(z_i = 0, rest)] ∇μ_i + E_q[∇f(z)], where what is drawn
    after z_i is drawn again, by the same random numbers; requires binary latents that are independent given the layer
    below. Unbiased. Cost: one evaluation of f a number and sample, without its gradient.

    Parameters
    ----------
    samples : int
        Draws a row.
    """

    samples: int = 1
    min_samples = 1
    requires = "independent binary"

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del training
        draws = _Draws(q, self.samples, seed, self.check)
        values = draws.values({})
        terms = f(values)
        value = tf.stop_gradient(terms.total())
        found = value + model_gradient(terms)
        for name, conditional in q.items():
            flipped = f(draws.values(_flipped(name, values, q))).total()  # [Z, ..., B]
            rise = tf.stop_gradient(value - flipped) * _first(2.0 * values[name] - 1.0)
            mean = given(conditional, values).mean() + tf.zeros_like(values[name])  # with the axis of the draws
            found += tf.reduce_sum(gradient_only(_first(mean)) * rise, axis=0)
        return found if self.samples == 1 else tf.reduce_mean(found, axis=0)


class _Draws:
    """Draws of q by random numbers that stay the same when some of the values are given."""

    def __init__(
        self, q: Conditionals, samples: int, seed: tf.Tensor, check: Callable[[str, tfd.Distribution], None]
    ) -> None:
        self.q, self.samples, self.seed, self.check = q, samples, seed, check
        self.uniform: Values = {}

    def values(self, known: Values) -> Values:
        """Return values [..., B, Z] of all variables, those that are known as they are."""
        values: Values = {}
        for position, (name, conditional) in enumerate(self.q.items()):
            values[name] = known[name] if name in known else self._draw(name, given(conditional, values), position)
        return values

    def _draw(self, name: str, distribution: tfd.Distribution, position: int) -> tf.Tensor:
        self.check(name, distribution)
        logits = distribution.logits()
        if name not in self.uniform:
            shape = tf.shape(logits)
            if self.samples > 1 and not position:
                shape = tf.concat([[self.samples], shape], 0)
            self.uniform[name] = random.uniform(shape, random.fold(self.seed, position))
        return tf.stop_gradient(hard(logits, self.uniform[name]))


def _flipped(name: str, values: Values, q: Conditionals) -> Values:
    """Return the values up to one variable, with each of its Z numbers flipped in turn: [Z, ..., B, Z]."""
    value, order = values[name], list(q)
    size = value.shape[-1]
    which = tf.reshape(tf.eye(size), [size] + [1] * (len(value.shape) - 1) + [size])
    return {**{n: values[n] for n in order[: order.index(name)]}, name: value + which * (1.0 - 2.0 * value)}


def _first(value: tf.Tensor) -> tf.Tensor:
    """Return [..., B, Z] as [Z, ..., B]."""
    return tf.transpose(value, [len(value.shape) - 1, *range(len(value.shape) - 1)])
