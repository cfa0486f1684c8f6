"""Binomial likelihood for grey levels that are shares of a known number of trials."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend.softplus import softplus
from ssvae.likelihoods.base import Likelihood, combinations


class _Shares(tfd.Binomial):
    """Binomial of which shares, and not counts, are the values."""

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        n, logits = self.total_count, self.logits_parameter()
        ways = tf.math.lgamma(n + 1.0) - tf.math.lgamma(n * value + 1.0) - tf.math.lgamma(n * (1.0 - value) + 1.0)
        return ways + n * (value * logits - softplus(logits))

    def _mean(self) -> tf.Tensor:
        return tf.sigmoid(self.logits_parameter())

    def _sample_n(self, n: int, seed: tf.Tensor | None = None) -> tf.Tensor:
        return super()._sample_n(n, seed) / self.total_count


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Binomial(Likelihood):
    """p(x | h) = ∏_d C(n, n x_d) σ(h_d)^(n x_d) (1 − σ(h_d))^(n (1 − x_d)), x_d a multiple of 1 / n.

    What a Bernoulli likelihood learns from one draw of each pixel, this one learns from n: the grey levels of small
    images say more than their binarised ones.

    Parameters
    ----------
    trials : int
        n: 16 for scikit-learn's digits, whose pixels count the dots of 4 x 4 blocks.
    """

    trials: int = 16
    support = (0.0, 1.0)
    discrete = True

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: one logit a column."""
        return features

    def values(self, features: int) -> np.ndarray:
        """See `Likelihood.values`: 0, 1 / n, ..., 1."""
        return combinations(np.arange(self.trials + 1) / self.trials, features)

    def __call__(self, h: tf.Tensor) -> tfd.Distribution:
        """See `Likelihood.__call__`."""
        return tfd.Independent(_Shares(float(self.trials), logits=h), 1)
