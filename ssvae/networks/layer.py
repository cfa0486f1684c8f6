"""`Layer`, the base of the networks: float32 whatever Keras' global precision is."""

from __future__ import annotations

import keras


class Layer(keras.layers.Layer):
    """A Keras layer whose weights and sums are float32.

    Bounds of log p need float32, and a trained network must compute the same wherever it is loaded, so that neither
    ``keras.mixed_precision.set_global_policy`` nor ``keras.config.set_floatx`` changes a network; the argument
    `precision` of `ssvae.SSVAEClassifier` does.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
