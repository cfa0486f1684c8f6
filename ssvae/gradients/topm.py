"""Expectation over many classes: the most probable ones summed exactly, the others by one draw.

References
----------
Rao-Blackwellized Stochastic Gradients for Discrete Distributions (Liu, Regier, Tripuraneni, Jordan and McAuliffe,
2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.distributions import Conditionals, given, one_hot
from ssvae.gradients.base import Gradient, Integrand


@dataclass(frozen=True)
class TopM(Gradient):
    """Sum over the top classes of each row, and a draw from the remainder.

    Approximates E_q[f(y)]; with Σ_top q(y) f(y) + (1 − Q) f(y′), Q = Σ_top q(y), y′ ~ q(y) / (1 − Q) among the others;
    requires one categorical variable. The second term's gradient is (1 − Q) [(f(y′) − b) ∇log q(y′) + ∇f(y′)] +
    b ∇(1 − Q), b the q-weighted mean of f over the top, so that it has no variance where f is constant. Unbiased;
    cost: count + draws evaluations of f for any number of classes; exact where the top holds them all.

    Parameters
    ----------
    count : int
        Classes in the top; the variance falls as their share Q of q grows.
    draws : int
        Draws of y′ a row, whose mean is taken.
    """

    count: int = 8
    draws: int = 1
    requires = "categorical"

    def __post_init__(self) -> None:
        """Refuse to sum or to draw nothing."""
        if self.count < 1:
            raise ValueError(f"gradient 'topm' needs count >= 1, got {self.count}: use 'sample' to draw every class")
        if self.draws < 1:
            raise ValueError(f"gradient 'topm' needs draws >= 1, got {self.draws}: use 'enumeration' to draw none")

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`; f sees y [count + draws, ..., B, K], or [K, 1, ..., 1, K] if it is exact."""
        del training
        name, categorical = self._only(q)
        logits = categorical.logits_parameter()
        classes = int(logits.shape[-1])
        if self.count >= classes:
            y = tf.reshape(tf.eye(classes), [classes] + [1] * (len(logits.shape) - 1) + [classes])
            return tf.reduce_sum(tf.exp(categorical.log_prob(y)) * f({name: y}).total(), axis=0)
        top = _top(logits, self.count)
        outside = 1.0 - tf.reduce_sum(top, axis=0)  # [..., B, K]
        y = tf.concat([top, _drawn(logits, outside, self.draws, seed)], axis=0)
        value, log_q = f({name: y}).total(), categorical.log_prob(y)
        share = tf.exp(log_q[: self.count])
        known = tf.reduce_sum(share * value[: self.count], axis=0)
        b = tf.stop_gradient(known / tf.reduce_sum(share, axis=0))
        rest = tf.reduce_sum(outside * categorical.probs_parameter(), axis=-1)  # 1 − Q, where subtraction would cancel
        drawn = log_q[self.count :]
        weight = tf.stop_gradient(rest) * tf.exp(drawn - tf.stop_gradient(drawn))
        return known + tf.reduce_mean(weight * (value[self.count :] - b), axis=0) + b * rest

    def _only(self, q: Conditionals) -> tuple[str, tfd.OneHotCategorical]:
        """Return the name and the distribution of the one variable."""
        name, conditional = next(iter(q.items()))
        distribution = given(conditional, {})
        self.check(name, distribution)  # first: of continuous variables, one would do no better
        if len(q) != 1:
            raise ValueError(f"{self.named()} needs one variable, got {list(q)}: use 'enumeration' or 'score_function'")
        return name, distribution


def _top(logits: tf.Tensor, count: int) -> tf.Tensor:
    """Return the most probable classes of each row, one-hot, [count, ..., B, K]."""
    index = tf.math.top_k(logits, count).indices
    return tf.one_hot(tf.stack(tf.unstack(index, axis=-1)), logits.shape[-1])


def _drawn(logits: tf.Tensor, outside: tf.Tensor, draws: int, seed: tf.Tensor) -> tf.Tensor:
    """Draw classes of the remainder, one-hot, [draws, ..., B, K].

    By logits, so that a remainder whose probabilities all underflow to 0 is drawn from like any other.
    """
    return one_hot(tf.where(outside > 0.0, logits, tf.float32.min)).sample(draws, seed=random.fold(seed, 0))
