"""Gaussian likelihood with a learnt mean and variance for every column."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random
from ssvae.backend.softplus import softplus
from ssvae.distributions import diagonal_normal
from ssvae.likelihoods.base import Likelihood


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Gaussian(Likelihood):
    """p(x | h) = N(x; μ, σ²), (μ, log σ²) = h, log σ² kept above `floor`.

    With `dequantize`, x are grey levels x = k / (n − 1), k = 0 ... n − 1, and what is scored is x' = (k + u) / n with a
    new u ~ U(0, 1) at every use. The n cells of width 1 / n tile [0, 1], so that by Jensen's inequality
    log P(k) >= E_u log p(x' | h) − log n for every column: nats of the density less D log n are a bound of the
    probability of the levels, and bits a dimension are (D log n − bound) / (D log 2)
    (`ssvae.evaluation.metrics.bits_per_dim` with ``levels=n``). It is for x that no preprocessing scales otherwise.

    Parameters
    ----------
    floor : float
        Smallest log σ². A column that the network can predict exactly would otherwise have an unbounded density;
        with standardised columns −6 is a standard deviation of 5 % of the column's. For grey levels in [0, 1] it is one
        of 13 in 256 levels; −10 is 1.7 levels.
    dequantize : int
        n, the number of grey levels: 256 for bytes / 255, 0 for x that is continuous. A value between two levels counts
        as the nearest.

    References
    ----------
    A note on the evaluation of generative models (Theis, van den Oord and Bethge, 2016), §3.1, for the bound
    """

    floor: float = -6.0
    dequantize: int = 0

    def __post_init__(self) -> None:
        if self.dequantize < 0 or self.dequantize == 1:
            raise ValueError(
                f"dequantize of likelihood 'gaussian' must be 0 (continuous x) or >= 2 levels, got {self.dequantize!r}"
            )

    @property
    def support(self) -> tuple[float, float]:
        """See `Likelihood.support`: of x before the noise."""
        return (0.0, 1.0) if self.dequantize else (-math.inf, math.inf)

    @property
    def bits_levels(self) -> int | None:
        """See `Likelihood.bits_levels`: n."""
        return self.dequantize or None

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: a mean and a log-variance a column."""
        return 2 * features

    def __call__(self, h: tf.Tensor) -> tfp.distributions.Distribution:
        """See `Likelihood.__call__`."""
        mean, log_variance = tf.split(h, 2, axis=-1)
        # softplus in place of a hard bound, so that the gradient can leave the floor again
        return diagonal_normal(mean, self.floor + softplus(log_variance - self.floor))

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.observe`: grey levels spread over their cells, where `dequantize` says so."""
        if not self.dequantize:
            return x
        return (tf.round(x * (self.dequantize - 1.0)) + random.uniform(tf.shape(x), seed)) / self.dequantize
