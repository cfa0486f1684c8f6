"""Logistic likelihood of grey levels, whose values are the levels themselves: a probability, not a density."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.backend.softplus import softplus
from ssvae.likelihoods.base import Likelihood, combinations

MOST_LEVELS = 2**16  # of grey; a mean is a sum over them
GREATEST_LOG_SCALE = 30.0  # keeps s² finite in float32; far above any scale of values in [0, 1]


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class DiscretizedLogistic(Likelihood):
    """p(x | h) = F(x + δ) − F(x − δ) a column, F(t) = σ((t − μ) / s), (μ, log s) = h, log s kept above `floor`.

    The levels are x = k / (levels − 1), k = 0 ... levels − 1, and δ = ½ / (levels − 1) is half the way to the next one;
    the bins of the least and of the greatest level have no outer end, so that the probabilities sum to 1. A value
    between two levels is scored as the nearest level. The bound of log p(x) is one of a probability: bits a dimension
    are -bound / (D log 2).

    Parameters
    ----------
    levels : int
        256 for bytes.
    floor : float
        Smallest log s: at −7 and 256 levels, a bin in the middle holds up to 0.79.

    References
    ----------
    Improved variational inference with inverse autoregressive flow (Kingma et al., 2016);
    PixelCNN++ (Salimans, Karpathy, Chen and Kingma, 2017), eq. 2, with one component
    """

    levels: int = 256
    floor: float = -7.0
    support = (0.0, 1.0)
    discrete = True

    def __post_init__(self) -> None:
        if not 2 <= self.levels <= MOST_LEVELS:
            raise ValueError(
                f"levels of likelihood 'discretized_logistic' must be >= 2 and at most {MOST_LEVELS:,}, got "
                f"{self.levels!r}"
            )

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: a mean and a log-scale a column."""
        return 2 * features

    def values(self, features: int) -> np.ndarray:
        """See `Likelihood.values`: the levels."""
        return combinations(np.arange(self.levels) / (self.levels - 1), features)

    def __call__(self, h: tf.Tensor) -> tfp.distributions.Distribution:
        """See `Likelihood.__call__`."""
        mean, log_scale = tf.split(h, 2, axis=-1)
        # softplus in place of a hard bound, so that the gradient can leave the floor again
        scale = tf.exp(tf.minimum(self.floor + softplus(log_scale - self.floor), GREATEST_LOG_SCALE))
        return tfd.Independent(_Levels(mean, scale, self.levels), 1)


class _Levels(tfd.Logistic):
    """Logistic of which the nearest of the levels, and not the number itself, is the value."""

    def __init__(self, loc: tf.Tensor, scale: tf.Tensor, levels: int) -> None:
        parameters = dict(locals())
        super().__init__(loc, scale)
        self._parameters, self._steps = parameters, float(levels - 1)

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, tfp.util.ParameterProperties]:
        return {name: tfp.util.ParameterProperties() for name in ("loc", "scale")}

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        # With a and b the standardised ends of the bin, σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)), of which no
        # factor cancels in either tail; an end that is open leaves its factor, and the last one, out.
        level = tf.clip_by_value(tf.round(value * self._steps), 0.0, self._steps)
        middle, half = (level / self._steps - self.loc) / self.scale, 0.5 / (self._steps * self.scale)
        first, last = tf.equal(level, 0.0), tf.equal(level, self._steps)
        below_end = tf.where(last, 0.0, -softplus(-middle - half))
        above_start = tf.where(first, 0.0, -softplus(middle - half))
        inside = tf.math.log(-tf.math.expm1(-2.0 * half))
        return below_end + above_start + tf.where(first | last, 0.0, inside)

    def _mean(self) -> tf.Tensor:
        # E[k] = Σ_j P(k > j), one bin's end after another: all at once would be [..., D, levels]
        ends = (tf.range(self._steps) + 0.5) / self._steps
        above = tf.zeros(self.batch_shape_tensor())
        above = tf.foldl(lambda total, end: total + tf.sigmoid((self.loc - end) / self.scale), ends, above)
        return above / self._steps

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        shape = tf.concat([[n], self.batch_shape_tensor()], 0)
        uniform = random.uniform(shape, tfp.random.sanitize_seed(seed))
        drawn = self.loc + self.scale * (tf.math.log(uniform) - tf.math.log1p(-uniform))
        return tf.clip_by_value(tf.round(drawn * self._steps), 0.0, self._steps) / self._steps
