"""Exact expectation over every state of a discrete variable.

References
----------
Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014), eq. 7.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.distributions import Conditionals, Values, given
from ssvae.gradients.base import Gradient, Integrand


@dataclass(frozen=True)
class Enumeration(Gradient):
    """Sum over all states.

    Approximates nothing: E_q[f] = Σ_z q(z) f(z) and its exact gradient; requires few states. Cost: one evaluation of
    f a state, laid on a new leading axis, so that whatever does not depend on z is computed once.
    """

    requires = "enumerable"

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del seed, training
        values, log_q = self._states(q)
        return tf.reduce_sum(tf.exp(log_q) * f(values).total(), axis=0)

    def _states(self, q: Conditionals) -> tuple[Values, tf.Tensor]:
        """Return every joint state of q and its log-probability.

        Returns
        -------
        values : dict of Tensor [S, 1, ..., 1, event]
        log_q : Tensor [S, ..., B], nats
        """
        lists: list[np.ndarray] = []
        values: Values = {}
        for name, conditional in q.items():
            distribution = given(conditional, values)
            self.check(name, distribution)
            lists.append(_support(distribution))
            values[name] = tf.zeros(lists[-1].shape[1:])
        combinations = list(itertools.product(*lists))
        rank = _batch_rank(q, values)
        for position, name in enumerate(q):
            column = np.stack([combination[position] for combination in combinations])
            values[name] = tf.constant(column.reshape([len(column)] + [1] * rank + [column.shape[-1]]))
        return values, sum(given(conditional, values).log_prob(values[name]) for name, conditional in q.items())


def _batch_rank(q: Conditionals, values: Values) -> int:
    return max(len(given(conditional, values).batch_shape) for conditional in q.values())


def _support(distribution: tfp.distributions.Distribution) -> np.ndarray:
    """Return every value of one variable, [S, event] float32."""
    size = distribution.event_shape[-1]
    if isinstance(distribution, tfp.distributions.OneHotCategorical):
        return np.eye(size, dtype=np.float32)
    return np.array(list(itertools.product([0.0, 1.0], repeat=size)), np.float32)
