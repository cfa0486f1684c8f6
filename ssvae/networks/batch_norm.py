"""Batch normalisation: columns standardised by the rows of the batch, or by what they were while training.

References
----------
Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift (Ioffe and Szegedy, 2015),
algorithms 1 and 2; scale and bias are left to the layer that follows.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from ssvae.backend import engine, replica_context
from ssvae.networks.layer import Layer

MOMENTUM = 0.99  # of the moving averages, a call: they remember about the last hundred batches
EPSILON = 1e-3  # added to variances


@keras.saving.register_keras_serializable("ssvae")
class BatchNorm(Layer):
    """(h − m) / √(v + ε), with mean m and variance v of each column.

    While training steps are traced (`engine.Engine.training`), m and v are those of all rows of h, over every leading
    axis, and rows depend on each other. Otherwise they are the moving averages of training, and rows do not.

    Parameters
    ----------
    width : int
        Columns of h.
    """

    def __init__(self, width: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.mean = self.add_weight(name="mean", shape=(width,), initializer="zeros", trainable=False)
        self.variance = self.add_weight(name="variance", shape=(width,), initializer="ones", trainable=False)
        self.calls = self.add_weight(name="calls", shape=(1,), initializer="zeros", trainable=False)
        self.built = True

    def reset(self, rng: np.random.Generator) -> None:
        """Go back to mean 0 and variance 1, of no call."""
        del rng
        self.mean.assign(np.zeros(self.width, np.float32))
        self.variance.assign(np.ones(self.width, np.float32))
        self.calls.assign(np.zeros(1, np.float32))

    def call(self, h: tf.Tensor) -> tf.Tensor:
        """Return h [..., width] standardised, and learn the averages while training."""
        if engine.current().training:
            mean, variance = replica_context.moments(h, list(range(len(h.shape) - 1)))
            self._learn(tf.stop_gradient(mean), tf.stop_gradient(variance))
        else:
            mean, variance = tf.convert_to_tensor(self.mean), tf.convert_to_tensor(self.variance)
        return (h - mean) * tf.math.rsqrt(variance + EPSILON)

    def _learn(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        """Move the averages; the first calls count alike, so that a short training is not left with the start."""
        calls = tf.convert_to_tensor(self.calls) + 1.0
        rate = tf.maximum(1.0 - MOMENTUM, 1.0 / calls)
        for average, seen in ((self.mean, mean), (self.variance, variance)):
            before = tf.convert_to_tensor(average)
            average.assign(before + rate * (seen - before))
        self.calls.assign(calls)

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        return {**super().get_config(), "width": self.width}
