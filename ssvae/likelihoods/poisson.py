"""Poisson likelihood for columns of counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend.softplus import softplus
from ssvae.likelihoods.base import Likelihood, combinations, log_counts

LOG_RATE_RANGE = (-15.0, 15.0)  # rates up to 3 million


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Poisson(Likelihood):
    """p(x | h) = ∏_d exp(−r_d) r_d^x_d / x_d!, log r = h, kept above −15 and below 15.

    x are whole numbers >= 0; other numbers >= 0 are scored by the same formula. The networks see log(1 + x), so that
    one large count does not outweigh all others.
    """

    support = (0.0, math.inf)
    discrete = True
    of_counts = True

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: a log-rate a column."""
        return features

    def values(self, features: int) -> np.ndarray:
        """See `Likelihood.values`: 0, 1, ..., of columns with rates up to about 100."""
        return combinations(np.arange(200), features)

    def __call__(self, h: tf.Tensor) -> tfd.Distribution:
        """See `Likelihood.__call__`."""
        low, high = LOG_RATE_RANGE
        # softplus in place of a hard bound, so that the gradient can come back from below
        log_rate = tf.minimum(low + softplus(h - low), high)
        return tfd.Independent(tfd.Poisson(log_rate=log_rate), 1)

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.inputs`: log(1 + x)."""
        return log_counts(x)
