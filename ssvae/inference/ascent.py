"""Steps of gradient ascent on the bound: directions, natural gradients and bounds of λ.

References
----------
Natural Gradient Works Efficiently in Learning (Amari, 1998): the steps in the metric of q.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeGuard

import tensorflow as tf

from ssvae.distributions import LOG_VARIANCE_RANGE
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.models.capabilities import Parameters

TINY = 1e-30  # square of a length that counts as none
LEAST_VARIANCE = 1e-3  # of a binary number
UNROLLED = 8  # steps up to which no loop is made: loops inside the loop of training are slow under XLA

State: TypeAlias = tuple["Parameters | tf.Tensor", ...]  # of a loop


def direction(
    objective: RefinementObjective, parameters: Parameters, gradients: Parameters, natural: bool, clip_norm: float
) -> Parameters:
    """Return d of each row, no longer than `clip_norm`; a natural step of a mean or a logit counts in s.d. of q.

    Of a normal latent the natural gradient in μ and a quarter of it in log σ², (σ² ∂/∂μ, ½ ∂/∂log σ²), of a binary one
    that in its logit, ∂/∂μ; or the gradient itself.
    """
    found, square = {}, tf.constant(0.0)
    for name, gradient in gradients.items():
        scale, length = tf.constant(1.0), gradient
        if natural:
            scale, length = (_binary if objective.binary else _normal)(parameters[name], gradient)
        square += tf.reduce_sum(tf.square(length), axis=-1, keepdims=True)
        found[name] = scale * length
    # Not the root of 0, whose derivative is NaN where steps are differentiated.
    shrink = tf.minimum(1.0, clip_norm * tf.math.rsqrt(tf.maximum(square, TINY)))
    return {name: shrink * value for name, value in found.items()}


def _normal(parameters: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a scale and a gradient in its units, whose product is the step."""
    mean, log_variance = tf.split(gradient, 2, axis=-1)
    deviation = tf.exp(0.5 * tf.split(parameters, 2, axis=-1)[1])
    return tf.concat([deviation, tf.ones_like(deviation)], -1), tf.concat([deviation * mean, 0.5 * log_variance], -1)


def _binary(parameters: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the same of logits; a mean that is all but 0 or 1 still moves."""
    mean = tf.sigmoid(parameters)
    scale = tf.math.rsqrt(mean * (1.0 - mean) + LEAST_VARIANCE)
    return scale, scale * gradient


def bounded(objective: RefinementObjective, parameters: Parameters) -> Parameters:
    """Return λ where `distributions.diagonal_normal` would bound them, and logits alike, so that steps can return."""
    found = {}
    for name, value in parameters.items():
        if objective.binary:
            found[name] = tf.clip_by_value(value, *LOG_VARIANCE_RANGE)
            continue
        mean, log_variance = tf.split(value, 2, axis=-1)
        found[name] = tf.concat([mean, tf.clip_by_value(log_variance, *LOG_VARIANCE_RANGE)], axis=-1)
    return found


def broadcast(parameters: Parameters, objective: RefinementObjective) -> Parameters:
    """Return λ with the class axes of y, which the recognition network of a class-free part does not have."""
    if objective.y is None:
        return parameters
    rows = tf.broadcast_dynamic_shape(tf.shape(objective.y)[:-1], tf.shape(objective.x)[:-1])
    return {n: tf.broadcast_to(v, tf.concat([rows, tf.shape(v)[-1:]], 0)) for n, v in parameters.items()}


def zeros(parameters: Parameters) -> Parameters:
    """Return a velocity of 0."""
    return {name: tf.zeros_like(value) for name, value in parameters.items()}


def where(taken: tf.Tensor, new: Parameters, old: Parameters) -> Parameters:
    """Return the new λ of the rows [..., B] that took their step, and the old ones of the others."""
    return {name: tf.where(taken[..., tf.newaxis], new[name], old[name]) for name in old}


def unrolled(steps: int | tf.Tensor) -> TypeGuard[int]:
    """Say whether so many steps are written out."""
    return isinstance(steps, int) and steps <= UNROLLED


def loop(body: Callable[..., State], steps: int | tf.Tensor, state: State) -> State:
    """Return the state after some steps of `body`, which takes and returns the number of the step and the state."""
    if unrolled(steps):
        for step in range(steps):
            state = body(step, *state)[1:]
        return state
    count = tf.convert_to_tensor(steps)
    end = tf.while_loop(
        lambda step, *_: step < count, body, (tf.constant(0), *state), parallel_iterations=1, maximum_iterations=steps
    )
    return end[1:]
