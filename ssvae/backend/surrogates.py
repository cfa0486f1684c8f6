"""Surrogate terms: tensors of value 0 that carry a gradient, and values that carry none."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf


def detached(values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return the values by name, no gradient passing through them."""
    return {name: tf.stop_gradient(value) for name, value in values.items()}


def gradient_only(value: tf.Tensor) -> tf.Tensor:
    """Return a tensor of value 0 that has the gradient of another."""
    return value - tf.stop_gradient(value)
