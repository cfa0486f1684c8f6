"""The two steps of an affine map: a product in the precision of the engine, and a bias."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ssvae.backend import engine


def product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return x [..., n] · kernel [n, m] -> [..., m], float32."""
    multiplied = _narrow if engine.current().bfloat16 else tf.matmul
    kernel = tf.convert_to_tensor(kernel)
    if len(x.shape) == 2:  # not tf.tensordot, which is twenty operations more
        return multiplied(x, kernel)
    rows = multiplied(tf.reshape(x, [-1, kernel.shape[0]]), kernel)
    return tf.reshape(rows, tf.concat([tf.shape(x)[:-1], kernel.shape[1:]], 0))


@tf.custom_gradient
def shifted(h: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Return h [..., m] + bias [m].

    The gradient by the bias is a product with ones: XLA is slow at sums over many rows.
    """

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.reshape(upstream, [-1, bias.shape[0]])
        return upstream, tf.reshape(tf.matmul(rows, tf.ones([tf.shape(rows)[0], 1]), transpose_a=True), [-1])

    # Not tf.nn.bias_add: TensorFlow 2.21 makes a wrong program of zeros [B, 1] + tf.nn.bias_add(h [1, m], bias).
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
