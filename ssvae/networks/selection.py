"""Chosen columns, standardised: the latents of M1 that M2 is trained on."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from ssvae.networks.layer import Layer


@keras.saving.register_keras_serializable("ssvae")
class Selection(Layer):
    """(z[columns] − shift) / scale, and back.

    Parameters
    ----------
    width : int
        Columns of z.
    columns : sequence of int
        Those that are kept.
    """

    def __init__(self, width: int, columns: Sequence[int], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.width, self.columns = width, tuple(columns)
        self.shift = self.add_weight(name="shift", shape=(len(columns),), initializer="zeros", trainable=False)
        self.scale = self.add_weight(name="scale", shape=(len(columns),), initializer="ones", trainable=False)
        self.built = True

    def reset(self, rng: np.random.Generator) -> None:
        """Go back to shift 0 and scale 1."""
        del rng
        self.shift.assign(np.zeros(len(self.columns), np.float32))
        self.scale.assign(np.ones(len(self.columns), np.float32))

    def call(self, z: tf.Tensor) -> tf.Tensor:
        """Return the kept columns [..., A] of z [..., Z], standardised."""
        return (tf.gather(z, self.columns, axis=-1) - self.shift) / self.scale

    def log_scale(self) -> tf.Tensor:
        """Return log scale, [A]."""
        return tf.math.log(tf.convert_to_tensor(self.scale))

    def spread(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return N(mean, exp log_variance) of the kept columns as mean and log-variance of all Z.

        The columns that are not kept get N(0, 1).
        """
        into = tf.one_hot(self.columns, self.width)  # [A, Z]
        wide = tf.tensordot(mean * self.scale + self.shift, into, 1)
        return wide, tf.tensordot(log_variance + 2.0 * self.log_scale(), into, 1)

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        return {**super().get_config(), "width": self.width, "columns": self.columns}
