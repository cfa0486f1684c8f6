"""Student-t likelihood: real columns with outliers, by a learnt location and scale for every column."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend.softplus import softplus
from ssvae.likelihoods.base import Likelihood

GREATEST_LOG_SCALE = 30.0  # keeps s² finite in float32; far above any scale of standardised columns


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class StudentT(Likelihood):
    """p(x | h) = ∏_d t_ν((x_d − μ_d) / s_d) / s_d, (μ, log s) = h, log s kept above `floor`.

    A value far from μ costs as much as the logarithm of its distance, and not its square as under a Gaussian, so that
    outliers do not decide what is learnt. The mean is μ, the variance s² ν / (ν − 2) for ν > 2.

    Parameters
    ----------
    degrees : float
        ν, the degrees of freedom of all columns, above 1: fewer would have no mean. A Gaussian as ν grows.
    floor : float
        Smallest log s: with standardised columns −3 is 5 % of the column's standard deviation.
    """

    degrees: float = 4.0
    floor: float = -3.0

    def __post_init__(self) -> None:
        """Refuse a distribution without a mean, and numbers that are not finite."""
        if not (self.degrees > 1.0 and math.isfinite(self.degrees)):
            raise ValueError(f"degrees of likelihood 'student_t' must be finite and > 1, got {self.degrees!r}")
        if not math.isfinite(self.floor):
            raise ValueError(f"floor of likelihood 'student_t' must be finite, got {self.floor!r}")

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: a location and a log-scale a column."""
        return 2 * features

    def __call__(self, h: tf.Tensor) -> tfd.Distribution:
        """See `Likelihood.__call__`."""
        location, log_scale = tf.split(h, 2, axis=-1)
        # softplus in place of a hard bound, so that the gradient can leave the floor again
        scale = tf.exp(tf.minimum(self.floor + softplus(log_scale - self.floor), GREATEST_LOG_SCALE))
        return tfd.Independent(tfd.StudentT(self.degrees, location, scale), 1)
