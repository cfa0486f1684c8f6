"""What the estimators for latents without a path have in common."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ssvae.distributions import Values
from ssvae.gradients.base import Terms


def detached(values: Values) -> Values:
    """Return values that no gradient passes."""
    return {name: tf.stop_gradient(value) for name, value in values.items()}


def score(distribution: Any, value: tf.Tensor) -> tf.Tensor:
    """Return a tensor [..., B] of value 0 whose gradient is that of log q(value)."""
    return zero(distribution.log_prob(value))


def zero(value: tf.Tensor) -> tf.Tensor:
    """Return a tensor of value 0 with the gradient of another."""
    return value - tf.stop_gradient(value)


def learning(terms: Terms) -> tf.Tensor:
    """Return a tensor [..., B] of value 0 with the gradient of log p(x, z): −log q's own has mean 0 and only noise."""
    return zero(terms.log_likelihood + sum(terms.log_prior.values()))


def local(terms: Terms, parents: Terms | None, order: list[str]) -> dict[str, tf.Tensor]:
    """Return the signal l_i of each variable: the terms that depend on it or on what is drawn after it.

    What depends on earlier variables alone is the same whatever this one is (Mnih and Gregor, §2.3.3).
    """
    if parents is None:
        return {}
    pairs = [(terms.log_likelihood, parents.log_likelihood)]
    pairs += [(terms.log_prior[name], parents.log_prior[name]) for name in terms.log_prior]
    negative, read = terms.negative_log_posterior, parents.negative_log_posterior
    pairs += [(negative[name], read[name]) for name in negative]
    found = {}
    for position, name in enumerate(order):
        later = set(order[position:])
        found[name] = tf.stop_gradient(sum(term for term, names in pairs if names & later))
    return found
