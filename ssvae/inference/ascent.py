"""Directions up the bound, and what steps along them have in common.

References
----------
Natural Gradient Works Efficiently in Learning (Amari, 1998): the steps in the metric of q.
"""

from __future__ import annotations

import tensorflow as tf

from ssvae.distributions import LOG_VARIANCE_RANGE
from ssvae.inference.surface import Surface
from ssvae.models.base import Parameters

TINY = 1e-30  # square of a length that counts as none


def direction(parameters: Parameters, slope: Parameters, natural: bool, clip_norm: float) -> Parameters:
    """Return d of each row, no longer than `clip_norm`; the natural step of a mean counts in s.d. of q.

    The natural gradient in μ and a quarter of it in log σ², (σ² ∂/∂μ, ½ ∂/∂log σ²), or the slope itself.
    """
    found, square = {}, tf.constant(0.0)
    for name, gradient in slope.items():
        mean, log_variance = tf.split(gradient, 2, axis=-1)
        scale = tf.ones_like(mean)
        if natural:
            scale = tf.exp(0.5 * tf.split(parameters[name], 2, axis=-1)[1])
            mean, log_variance = scale * mean, 0.5 * log_variance
        square += tf.reduce_sum(tf.square(mean) + tf.square(log_variance), axis=-1, keepdims=True)
        found[name] = tf.concat([scale * mean, log_variance], axis=-1)
    # Not the root of 0, whose derivative is no number where steps are differentiated.
    shrink = tf.minimum(1.0, clip_norm * tf.math.rsqrt(tf.maximum(square, TINY)))
    return {name: shrink * value for name, value in found.items()}


def bounded(value: tf.Tensor) -> tf.Tensor:
    """Return λ with log σ² where `distributions.diagonal_normal` would bound it, so that steps find back from there."""
    mean, log_variance = tf.split(value, 2, axis=-1)
    return tf.concat([mean, tf.clip_by_value(log_variance, *LOG_VARIANCE_RANGE)], axis=-1)


def broadcast(parameters: Parameters, surface: Surface) -> Parameters:
    """Return λ with the class axes of y, which the recognition network of a class-free part does not have."""
    if surface.y is None:
        return parameters
    rows = tf.broadcast_dynamic_shape(tf.shape(surface.y)[:-1], tf.shape(surface.x)[:-1])
    return {n: tf.broadcast_to(v, tf.concat([rows, tf.shape(v)[-1:]], 0)) for n, v in parameters.items()}


def zeros(parameters: Parameters) -> Parameters:
    """Return a velocity of 0."""
    return {name: tf.zeros_like(value) for name, value in parameters.items()}


def where(taken: tf.Tensor, new: Parameters, old: Parameters) -> Parameters:
    """Return the new λ of the rows [..., B] that took their step, and the old ones of the others."""
    return {name: tf.where(taken[..., tf.newaxis], new[name], old[name]) for name in old}
