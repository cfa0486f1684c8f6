"""Products with the small matrices of Bayes nets."""

from __future__ import annotations

import tensorflow as tf

from ssvae.backend import engine

SMALL = 1024  # entries of a matrix whose products are quicker as sums, which XLA fuses with neighbouring operations


def dot(z: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return z · kernel.

    Parameters
    ----------
    z : Tensor [..., n]
        Vectors.
    kernel : Tensor [n, m] or [n]
        A small matrix, or a vector.

    Returns
    -------
    Tensor [..., m] or [...]
        The products.
    """
    kernel = tf.convert_to_tensor(kernel)
    if not engine.current().xla or kernel.shape.num_elements() > SMALL:
        return tf.tensordot(z, kernel, 1)
    last = tf.transpose(tf.reshape(z, [-1, z.shape[-1]]))  # [n, N], as the samplers hold their chains
    if len(kernel.shape) == 1:
        return tf.reshape(tf.reduce_sum(kernel[:, tf.newaxis] * last, axis=0), z.shape[:-1])
    found = tf.reduce_sum(tf.transpose(kernel)[:, :, tf.newaxis] * last, axis=1)
    return tf.reshape(tf.transpose(found), [*z.shape[:-1], kernel.shape[1]])
