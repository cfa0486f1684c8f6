"""Sums and means over the rows of the whole batch, of which a replica has some: read while a step is traced.

A mean over rows is summed once, in the end, with the gradients: each replica adds its part, `part`. What is no mean
over rows (statistics that every row is compared with) needs the sum of all replicas before the step goes on: `total`.
With one replica both are what TensorFlow makes of the rows that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import tensorflow as tf

from ssvae.backend import engine

Nest = TypeVar("Nest")  # of tensors


def part(each: tf.Tensor, total_rows: tf.Tensor | None) -> tf.Tensor:
    """Return this replica's part of the mean over the rows of the whole batch: the parts of all add up to it.

    Parameters
    ----------
    each : Tensor [B]
        Of the rows that are here, of which there may be none.
    total_rows : Tensor [] int32 or None
        How many the whole batch has; None: they are all here.
    """
    return tf.reduce_mean(each) if total_rows is None else tf.reduce_sum(each) / tf.cast(total_rows, each.dtype)


def shared(value: tf.Tensor) -> tf.Tensor:
    """Return this replica's part of a number that every replica knows."""
    return value / engine.current().replicas


def mean(h: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """Return the mean over these axes, the rows of the whole batch among them."""
    if engine.current().replicas == 1:
        return tf.reduce_mean(h, axes)
    return _mean(h, axes)


def moments(h: tf.Tensor, axes: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Return mean and variance over these axes, the rows of the whole batch among them."""
    if engine.current().replicas == 1:
        return tf.nn.moments(h, axes)
    centre = _mean(h, axes)
    # By two sums, as TensorFlow's: the difference of squares would cancel.
    return centre, _mean(tf.square(h - tf.stop_gradient(centre)), axes)


def _mean(h: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    count = tf.reduce_prod(tf.gather(tf.shape(h), list(axes)))
    above, below = total([tf.reduce_sum(h, axes), tf.cast(count, h.dtype)])
    return above / below


def total(values: Nest) -> Nest:
    """Return the sums over all replicas of a nest of tensors; their gradients are those of the sums.

    Raises
    ------
    ValueError
        Where XLA compiles, which has no way to other replicas.
    """
    if engine.current().xla:
        raise ValueError(
            "engine='xla' compiles the gradient on each replica alone, and this fit needs sums over the whole batch "
            "before it (batch normalisation, 'nvil', 'mutual_information', 'virtual_adversarial'): take engine='graph'"
        )
    return summed(values)


def summed(values: Nest) -> Nest:
    """Return the sums over all replicas of a nest of tensors."""
    if engine.current().replicas == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
