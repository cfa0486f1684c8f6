"""Families of distributions with an inverse CDF that TensorFlow Probability lacks, for nodes `InverseCDF`.

Numbers and tensors that depend on parents may stand in the place of each parameter.

References
----------
Auto-encoding variational Bayes (Kingma and Welling, 2014), section 2.4: its lists of families whose inverse CDF is
tractable, and of compositions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

Number: TypeAlias = float | tf.Tensor


def rayleigh(scale: Number) -> tfd.Distribution:
    """Return the length of a vector of two numbers from N(0, scale²): f(z) = z / scale² exp(−½ z² / scale²), z > 0."""
    return _above_0(tfd.Exponential(0.5), _scaled(scale), tfb.Invert(tfb.Square()))


def reciprocal(low: Number, high: Number) -> tfd.Distribution:
    """Return the log-uniform distribution f(z) = 1 / (z log(high / low)), 0 < low < z < high."""
    return _above_0(tfd.Uniform(tf.math.log(_float(low)), tf.math.log(_float(high))), tfb.Exp())


def gompertz(concentration: Number, rate: Number) -> tfd.Distribution:
    """Return the distribution F(z) = 1 − exp(−concentration (exp(rate z) − 1)), z > 0, as `tfb.GompertzCDF` has it."""
    inverse = (_scaled(1.0 / _float(rate)), tfb.Invert(tfb.Expm1()), _scaled(1.0 / _float(concentration)))
    return _above_0(tfd.Exponential(1.0), *inverse)


def erlang(stages: int, rate: Number) -> tfd.Distribution:
    """Return the sum of `stages` exponential numbers of this rate.

    Raises
    ------
    ValueError
        If `stages` is not an integer >= 1.
    """
    if not isinstance(stages, Integral) or isinstance(stages, bool) or stages < 1:
        raise ValueError(f"stages of erlang must be an integer >= 1, got {stages!r}; tfd.Gamma takes any number > 0")
    return tfd.Gamma(float(stages), rate)


def f(numerator: Number, denominator: Number) -> tfd.Distribution:
    """Return the F distribution with these degrees of freedom: the ratio of two χ² numbers, each over its degrees."""
    share = tfd.Beta(0.5 * _float(numerator), 0.5 * _float(denominator))  # z' of z' + 1, with z' the ratio of both χ²
    return _above_0(share, _scaled(_float(denominator) / _float(numerator)), tfb.Exp(), tfb.Invert(tfb.Sigmoid()))


def quantile(of: tfd.Distribution, mass: tf.Tensor) -> tf.Tensor:
    """Return z with F(z) = mass, by a closed form where TensorFlow Probability has the family but not its quantiles."""
    return QUANTILES[type(of)](of, mass) if type(of) in QUANTILES else of.quantile(mass)


def _pareto(of: tfd.Pareto, mass: tf.Tensor) -> tf.Tensor:
    return of.scale * tf.exp(-tf.math.log1p(-mass) / of.concentration)


def _triangular(of: tfd.Triangular, mass: tf.Tensor) -> tf.Tensor:
    width = of.high - of.low

    def root(square: tf.Tensor) -> tf.Tensor:  # the branch that is not taken needs a finite gradient, too
        return tf.sqrt(tf.maximum(square, np.finfo(np.float32).tiny))

    rising = of.low + root(mass * width * (of.peak - of.low))
    falling = of.high - root((1.0 - mass) * width * (of.high - of.peak))
    return tf.where(mass * width < of.peak - of.low, rising, falling)


QUANTILES: Mapping[type[tfd.Distribution], Callable[..., tf.Tensor]] = MappingProxyType(
    {tfd.Pareto: _pareto, tfd.Triangular: _triangular}
)


class _Above0(tfd.TransformedDistribution):
    """Numbers z > 0; the formulas of the bijectors would give a density to other numbers, too."""

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        inside = z > 0.0
        return tf.where(inside, super()._log_prob(tf.where(inside, z, 1.0)), -np.inf)

    def _cdf(self, z: tf.Tensor) -> tf.Tensor:
        inside = z > 0.0
        return tf.where(inside, super()._cdf(tf.where(inside, z, 1.0)), 0.0)


def _above_0(start: tfd.Distribution, *bijectors: tfb.Bijector) -> tfd.Distribution:
    return _Above0(start, tfb.Chain(bijectors))


def _scaled(scale: Number) -> tfb.Bijector:
    return tfb.Scale(_float(scale))


def _float(number: Number) -> tf.Tensor:
    return tf.convert_to_tensor(number, tf.float32)
