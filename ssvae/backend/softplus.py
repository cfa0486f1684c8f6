"""Softplus, the most expensive operation of a step, in the form that is quickest for the engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ssvae.backend import engine


def softplus(x: tf.Tensor) -> tf.Tensor:
    """log(1 + eˣ) = max(x, 0) + log(1 + t), t = exp(−|x|), to a relative error of 2e-7.

    Under XLA, which fuses it into one loop, a polynomial for log(1 + t) / t is three times quicker than the general
    logarithm; in graph mode, where every operation is a loop of its own, TensorFlow's kernel is.
    """
    return _softplus(x) if engine.current().xla else tf.nn.softplus(x)


@tf.custom_gradient
def _softplus(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    t = tf.exp(-tf.abs(x))
    series = tf.ones_like(t) * _COEFFICIENTS[-1]
    for coefficient in _COEFFICIENTS[-2::-1]:
        series = series * t + coefficient
    return tf.maximum(x, 0.0) + t * series, lambda upstream: upstream * tf.sigmoid(x)


def _log1p_over_t(degree: int) -> list[float]:
    """Return the coefficients of the polynomial that interpolates log(1 + t) / t at Chebyshev's points of [0, 1]."""
    chebyshev = np.polynomial.Chebyshev.interpolate(lambda t: np.log1p(t) / t, degree, domain=[0.0, 1.0])
    return [float(c) for c in chebyshev.convert(kind=np.polynomial.Polynomial).coef]


_COEFFICIENTS = _log1p_over_t(8)
