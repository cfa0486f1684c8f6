"""The two steps of an affine map: a product in the precision of the engine, and a bias."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ssvae.backend import engine


def product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return x [..., n] · kernel [n, m] -> [..., m], float32."""
    if not engine.current().bfloat16:
        return tf.tensordot(x, kernel, 1)
    rows = tf.reshape(x, [-1, kernel.shape[0]])
    return tf.reshape(_narrow(rows, tf.convert_to_tensor(kernel)), tf.concat([tf.shape(x)[:-1], kernel.shape[1:]], 0))


@tf.custom_gradient
def shifted(h: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Return h [..., m] + bias [m].

    The gradient by the bias is a product with ones: XLA is slow at sums over many rows.
    """

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.reshape(upstream, [-1, bias.shape[0]])
        return upstream, tf.linalg.matvec(rows, tf.ones_like(rows[:, 0]), transpose_a=True)

    return h + bias, gradient


@tf.custom_gradient
def _narrow(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Return x [B, n] · kernel [n, m] of factors rounded to bfloat16, and a gradient of such products."""
    x, kernel = tf.cast(x, tf.bfloat16), tf.cast(kernel, tf.bfloat16)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        upstream = tf.cast(upstream, tf.bfloat16)
        return _sums(upstream, kernel, adj_y=True), _sums(x, upstream, adj_x=True)

    return _sums(x, kernel), gradient


def _sums(a: tf.Tensor, b: tf.Tensor, adj_x: bool = False, adj_y: bool = False) -> tf.Tensor:
    """Return the matrix product with float32 sums, which in graph mode has no kernel and is rounded once more."""
    if engine.current().xla:
        return tf.raw_ops.BatchMatMulV3(x=a, y=b, Tout=tf.float32, adj_x=adj_x, adj_y=adj_y)
    return tf.cast(tf.matmul(a, b, transpose_a=adj_x, transpose_b=adj_y), tf.float32)
