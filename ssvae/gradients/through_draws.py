"""Gradients by the draws themselves, for the estimators that differentiate through relaxed or mean draws."""

from __future__ import annotations

import tensorflow as tf

from ssvae.backend.surrogates import detached, gradient_only
from ssvae.distributions import Values
from ssvae.gradients.base import Integrand, Terms


def through_draws(f: Integrand, values: Values) -> tuple[Terms, tf.Tensor]:
    """Return f at the values, whose gradient is that by p alone, and a tensor of value 0 with that by the values.

    −log q's own dependence on the numbers of q is left out: under q it has mean 0.
    """
    terms, gradients = value_and_gradients(f, detached(values))
    return terms, sum(tf.reduce_sum(gradients[name] * gradient_only(values[name]), axis=-1) for name in values)


def value_and_gradients(f: Integrand, values: Values) -> tuple[Terms, Values]:
    """Return f at the values and its gradient by them, which is itself not differentiated."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        terms = f(values)
        total = terms.total()
    gradients = tape.gradient(total, values, unconnected_gradients="zero")
    return terms, detached(gradients)
