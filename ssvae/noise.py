"""Random numbers as pure functions of a seed: no state, the same in every process."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def seed_tensor(seed: int) -> tf.Tensor:
    """Turn an integer into the [2] int32 seed that the other functions take."""
    return tf.constant(np.random.SeedSequence(seed).generate_state(2).astype(np.int32))


def fold(seed: tf.Tensor, value: int | tf.Tensor) -> tf.Tensor:
    """Return a new seed [2] that depends on `seed` and on `value` (a step, a use)."""
    return tf.random.experimental.stateless_fold_in(seed, value)


def normal(shape: tf.Tensor | tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """Draw from N(0, 1); philox because XLA's default generator is 25 times slower on CPU."""
    return tf.random.stateless_normal(shape, seed, alg="philox")


def uniform(shape: tf.Tensor | tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """Draw from U[0, 1)."""
    return tf.random.stateless_uniform(shape, seed, alg="philox")
