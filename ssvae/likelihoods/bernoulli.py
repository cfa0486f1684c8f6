"""Bernoulli likelihood for binary columns and for grey levels in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random
from ssvae.distributions import bernoulli
from ssvae.likelihoods.base import Likelihood, combinations


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """p(x | h) = ∏_d σ(h_d)^x_d (1 − σ(h_d))^(1 − x_d).

    Parameters
    ----------
    resample : bool
        Draw x_d ~ Bernoulli(grey level) again at every use, as Kingma et al. (2014) do with MNIST; 0 and 1 stay as
        they are.
    """

    resample: bool = True
    support = (0.0, 1.0)
    discrete = True
    binary = True

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: one logit a column."""
        return features

    def values(self, features: int) -> np.ndarray:
        """See `Likelihood.values`: 0 and 1."""
        return combinations([0.0, 1.0], features)

    def __call__(self, h: tf.Tensor) -> tfp.distributions.Distribution:
        """See `Likelihood.__call__`."""
        return bernoulli(h)

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.observe`: binary values drawn from the grey levels."""
        return tf.cast(random.uniform(tf.shape(x), seed) < x, x.dtype) if self.resample else x
