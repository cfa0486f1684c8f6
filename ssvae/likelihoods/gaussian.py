"""Gaussian likelihood with a learnt mean and variance for every column."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.distributions import diagonal_normal
from ssvae.likelihoods.base import Likelihood
from ssvae.softplus import softplus


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Gaussian(Likelihood):
    """p(x | h) = N(x; μ, σ²), (μ, log σ²) = h, log σ² kept above `floor`.

    Parameters
    ----------
    floor : float
        Smallest log σ². A column that the network can predict exactly would otherwise have an unbounded density;
        with standardised columns −6 is a standard deviation of 5 % of the column's.
    """

    floor: float = -6.0

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: a mean and a log-variance a column."""
        return 2 * features

    def __call__(self, h: tf.Tensor) -> tfp.distributions.Distribution:
        """See `Likelihood.__call__`."""
        mean, log_variance = tf.split(h, 2, axis=-1)
        # softplus in place of a hard bound, so that the gradient can leave the floor again
        return diagonal_normal(mean, self.floor + softplus(log_variance - self.floor))
