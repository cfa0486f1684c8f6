"""Terms of the score-function estimators, for latents that cannot be reparameterised."""

from __future__ import annotations

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend.surrogates import gradient_only
from ssvae.gradients.base import TermParents, Terms


def score(distribution: tfd.Distribution, value: tf.Tensor) -> tf.Tensor:
    """Return a tensor [..., B] of value 0 whose gradient is that of log q(value)."""
    return gradient_only(distribution.log_prob(value))


def model_gradient(terms: Terms) -> tf.Tensor:
    """Return a tensor [..., B] of value 0 with the gradient of log p(x, z): −log q's own has mean 0 and only noise."""
    return gradient_only(terms.log_joint())


def local_signals(terms: Terms, parents: TermParents | None, order: list[str]) -> dict[str, tf.Tensor]:
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
