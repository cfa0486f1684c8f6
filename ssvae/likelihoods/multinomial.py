"""Multinomial likelihood for rows of word counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import engine, random
from ssvae.likelihoods.base import Likelihood, combinations, log_counts
from ssvae.likelihoods.by_functions import ByFunctions


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Multinomial(Likelihood):
    """log p(x | h) = Σ_d x_d log softmax(h)_d: every word of a document is drawn from one distribution over D words.

    This is the probability of the words in their order, which perplexity is defined on
    (`ssvae.evaluation.metrics.perplexity`).
    x are whole numbers >= 0; other numbers >= 0 are scored by the same formula. A row without words has log p = 0.
    The networks see log(1 + x), so that one long document does not outweigh all others.

    Parameters
    ----------
    coefficient : bool
        Add log(N! / ∏_d x_d!), N = Σ_d x_d: the probability of the counts in place of that of one order of the words,
        which sums to 1 over all counts of N words.
    length : int
        Words of the documents that are drawn; x is scored whatever its length is. The mean is length · softmax(h):
        with 1, the probabilities of the words.

    References
    ----------
    Neural variational inference for text processing (Miao, Yu and Blunsom, 2016), §3;
    On the challenges of learning with inference networks on sparse, high-dimensional data (Krishnan, Liang and
    Hoffman, 2018)
    """

    coefficient: bool = False
    length: int = 1
    support = (0.0, math.inf)
    discrete = True
    independent_columns = False
    of_counts = True

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length of likelihood 'multinomial' must be >= 1 word, got {self.length!r}")

    @property
    def in_order(self) -> bool:
        """See `Likelihood.in_order`: without the coefficient."""
        return not self.coefficient

    @property
    def bits_levels(self) -> None:
        """See `Likelihood.bits_levels`: words have a perplexity."""
        return None

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: one logit a word."""
        return features

    def values(self, features: int) -> np.ndarray:
        """See `Likelihood.values`: the counts of `length` words."""
        rows = combinations(np.arange(self.length + 1), features)
        return rows[rows.sum(axis=1) == self.length]

    def __call__(self, h: tf.Tensor) -> tfp.distributions.Distribution:
        """See `Likelihood.__call__`."""
        h = tf.convert_to_tensor(h, tf.float32)
        return ByFunctions(
            h,
            int(h.shape[-1]),
            lambda x: self._log_prob(h, x),
            lambda: self.length * tf.nn.softmax(h),
            lambda n, seed: self._draw(h, n, seed),
        )

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.inputs`: log(1 + x)."""
        return log_counts(x)

    def _log_prob(self, h: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        score = _log_likelihood(x, h)
        if not self.coefficient:
            return score
        ways = tf.math.lgamma(tf.reduce_sum(x, -1) + 1.0) - tf.reduce_sum(tf.math.lgamma(x + 1.0), -1)
        return score + ways

    def _draw(self, h: tf.Tensor, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        shape, words = tf.concat([[n], tf.shape(h)], 0), h.shape[-1]

        def with_one_more(counts: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
            # the greatest of logits + Gumbel noise is a draw (Gumbel, 1954)
            gumbel = -tf.math.log(-tf.math.log(random.uniform(shape, random.fold(seed, word))))
            return counts + tf.one_hot(tf.argmax(h + gumbel, axis=-1), words, dtype=tf.float32)

        return tf.foldl(with_one_more, tf.range(self.length), tf.zeros(shape))


@tf.custom_gradient
def _log_likelihood(x: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Σ_d x_d (h_d − m) − N log Σ_d exp(h_d − m), m = max_d h_d.

    The gradient, x − N softmax(h), is spelt out: with the one that would be derived, a step over [K, B, D] takes half
    as long again, under XLA up to twice as long.
    """
    centred = h - tf.reduce_max(h, -1, keepdims=True)
    weights = tf.exp(centred)
    total, words = _sum(weights), _sum(x)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        share = upstream * words / total
        by_h = upstream[..., tf.newaxis] * x - share[..., tf.newaxis] * weights
        by_x = upstream[..., tf.newaxis] * (centred - tf.math.log(total)[..., tf.newaxis])
        return _to_shape(by_x, tf.shape(x)), _to_shape(by_h, tf.shape(h))

    return _sum(x * centred) - words * tf.math.log(total), gradient


def _sum(each: tf.Tensor) -> tf.Tensor:
    """Sum over the last axis, under XLA as a product with ones: XLA's own sum is slow (see `distributions`)."""
    if engine.current().xla:
        return tf.tensordot(each, tf.ones(tf.shape(each)[-1:]), 1)
    return tf.reduce_sum(each, -1)


def _to_shape(gradient: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Sum over the axes that broadcasting has added or repeated."""
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=shape, s1=tf.shape(gradient))
    return tf.reshape(tf.reduce_sum(gradient, axes), shape)
