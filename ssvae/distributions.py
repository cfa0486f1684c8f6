"""The distributions that models hand out: TensorFlow Probability's, with the product over the last axis taken.

Their draws come from `ssvae.noise`: TensorFlow Probability's generator is slow under XLA.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from ssvae import engine, noise
from ssvae.softplus import softplus

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
    return _Product(_Normal(mean, tf.exp(0.5 * bounded)), 1)


class _Product(tfd.Independent):
    """Independent over the last axis, with the sum of its log-probabilities under XLA as a product with ones.

    XLA stores what it is to sum over more than a few numbers, and then sums slowly.
    """

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        if not engine.current().xla:
            return super()._log_prob(value)
        each = self.distribution.log_prob(value)
        return tf.tensordot(each, tf.ones(tf.shape(each)[-1:]), 1)


class _Normal(tfd.Normal):
    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        return self.loc + self.scale * noise.normal(
            tf.concat([[n], self.batch_shape_tensor()], 0), tfp.random.sanitize_seed(seed)
        )


def standard_normal(size: int) -> tfd.Distribution:
    """N(0, I) in `size` dimensions."""
    return diagonal_normal(tf.zeros([size]), tf.zeros([size]))


class _Bernoulli(tfd.Bernoulli):
    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        # One softplus in place of the host's two: this line is the hottest of a step on pixels.
        logits = self.logits_parameter()
        return value * logits - softplus(logits)

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        shape = tf.concat([[n], self.batch_shape_tensor()], 0)
        return tf.cast(noise.uniform(shape, tfp.random.sanitize_seed(seed)) < self.probs_parameter(), self.dtype)


def bernoulli(logits: tf.Tensor) -> tfd.Distribution:
    """Independent Bernoulli over the last axis, float32 samples.

    Parameters
    ----------
    logits : Tensor [..., D]
    """
    return _Product(_Bernoulli(logits=logits, dtype=tf.float32), 1)


def one_hot(logits: tf.Tensor) -> tfd.Distribution:
    """Categorical over K classes with one-hot values.

    Parameters
    ----------
    logits : Tensor [..., K]
    """
    return _OneHot(logits=logits, dtype=tf.float32)


class _OneHot(tfd.OneHotCategorical):
    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        logits = self.logits_parameter()
        uniform = noise.uniform(tf.concat([[n], tf.shape(logits)], 0), tfp.random.sanitize_seed(seed))
        gumbel = -tf.math.log(-tf.math.log(uniform))  # the greatest of logits + Gumbel noise is a draw (Gumbel, 1954)
        return tf.one_hot(tf.argmax(logits + gumbel, axis=-1), logits.shape[-1], dtype=self.dtype)
