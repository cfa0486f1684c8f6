"""The distributions that models hand out: TensorFlow Probability's, with the product over the last axis taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow_probability import distributions as tfd

Values = dict[str, tf.Tensor]
Conditional: TypeAlias = tfd.Distribution | Callable[[Values], tfd.Distribution]
Conditionals = Mapping[str, Conditional]


def given(conditional: Any, values: Values) -> tfd.Distribution:
    """Return the distribution of one variable, given the values of those before it."""
    return conditional if isinstance(conditional, tfd.Distribution) else conditional(values)


LOG_VARIANCE_RANGE = (-15.0, 15.0)  # keeps exp finite in float32 (Marino et al. 2018, released code)


def diagonal_normal(mean: tf.Tensor, log_variance: tf.Tensor) -> tfd.Distribution:
    """N(mean, diag exp(log_variance)) over the last axis.

    Parameters
    ----------
    mean, log_variance : Tensor [..., Z]
    """
    bounded = tf.clip_by_value(log_variance, *LOG_VARIANCE_RANGE)
    return tfd.Independent(tfd.Normal(mean, tf.exp(0.5 * bounded)), 1)


def standard_normal(size: int) -> tfd.Distribution:
    """N(0, I) in `size` dimensions."""
    return diagonal_normal(tf.zeros([size]), tf.zeros([size]))


class _Bernoulli(tfd.Bernoulli):
    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        # One softplus in place of the host's two: this line is the hottest of a step on pixels.
        logits = self.logits_parameter()
        return value * logits - tf.nn.softplus(logits)


def bernoulli(logits: tf.Tensor) -> tfd.Distribution:
    """Independent Bernoulli over the last axis, float32 samples.

    Parameters
    ----------
    logits : Tensor [..., D]
    """
    return tfd.Independent(_Bernoulli(logits=logits, dtype=tf.float32), 1)


def one_hot(logits: tf.Tensor) -> tfd.Distribution:
    """Categorical over K classes with one-hot values.

    Parameters
    ----------
    logits : Tensor [..., K]
    """
    return tfd.OneHotCategorical(logits=logits, dtype=tf.float32)
