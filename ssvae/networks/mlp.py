"""Multilayer perceptron whose first affine layer has one part for each input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ssvae.networks.affine import product, shifted
from ssvae.softplus import softplus


@keras.saving.register_keras_serializable("ssvae")
class MLP(keras.layers.Layer):
    """outputs = W_L φ(… φ(W_x x + W_y y + b_1) …) + b_L.

    The parts of the first layer are summed, so inputs of different rank broadcast: with x [B, D] and y [K, 1, K] the
    product W_x x is computed once and not K times.

    Parameters
    ----------
    inputs : sequence of int
        Width of each input.
    hidden : sequence of int
        Width of each hidden layer; empty for an affine map.
    outputs : int
        Width of the output.
    activation : str
        Name of a Keras activation.
    normalization : "none" or "layer"
        Layer normalisation of every hidden layer before its activation (Ba, Kiros and Hinton, 2016): unlike batch
        normalisation it leaves rows independent of each other, so enumerated classes and padded rows change nothing.
    zero_outputs : int
        How many of the last outputs start with zero weights. Log-variance heads do, so that q starts at the prior's
        scale (Kingma et al. 2014, released code).
    """

    def __init__(
        self,
        inputs: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        activation: str = "softplus",
        normalization: str = "none",
        zero_outputs: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs, self.hidden, self.outputs = tuple(inputs), tuple(hidden), outputs
        self.activation, self.normalization, self.zero_outputs = activation, normalization, zero_outputs
        if normalization not in ("none", "layer"):
            raise ValueError(f"normalization must be 'none' or 'layer', got {normalization!r}")
        if min(*self.inputs, *self.hidden, outputs) < 1:
            raise ValueError(
                f"latent and hidden must be at least 1: a network of inputs {list(self.inputs)}, hidden "
                f"{list(self.hidden)} and {outputs} outputs cannot be made"
            )
        self._function = softplus if activation == "softplus" else keras.activations.get(activation)
        first, *rest = [*self.hidden, outputs]
        self.first = [self._weight(f"first_{i}", (width, first)) for i, width in enumerate(self.inputs)]
        widths = [first, *rest]
        self.kernels = [self._weight(f"kernel_{i}", shape) for i, shape in enumerate(zip(widths, rest, strict=False))]
        self.biases = [self._weight(f"bias_{i}", (width,)) for i, width in enumerate(widths)]
        scaled = self.hidden if normalization == "layer" else ()
        self.gains = [self._weight(f"gain_{i}", (width,)) for i, width in enumerate(scaled)]
        self.built = True

    def _weight(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the weights anew: Glorot-uniform, biases zero.

        References
        ----------
        Understanding the difficulty of training deep feedforward neural networks (Glorot and Bengio, 2010), eq. 16.
        """
        total = sum(self.inputs)
        for part in self.first:
            part.assign(_glorot(rng, total, part.shape))
        for kernel in self.kernels:
            kernel.assign(_glorot(rng, kernel.shape[0], kernel.shape))
        for bias in self.biases:
            bias.assign(np.zeros(bias.shape, np.float32))
        for gain in self.gains:
            gain.assign(np.ones(gain.shape, np.float32))
        if self.zero_outputs:
            for kernel in self.kernels[-1:] or self.first:
                start = np.array(kernel)
                start[:, -self.zero_outputs :] = 0.0
                kernel.assign(start)

    def call(self, *parts: tf.Tensor) -> tf.Tensor:
        """Return the outputs [..., outputs] for one tensor [..., width] an input."""
        h = sum(product(part, kernel) for part, kernel in zip(parts, self.first, strict=True))
        for layer, kernel in enumerate(self.kernels):
            h = product(self._function(self._shifted(self._normalized(h, layer), layer)), kernel)
        return self._shifted(h, -1)

    def _shifted(self, h: tf.Tensor, layer: int) -> tf.Tensor:
        return shifted(h, tf.convert_to_tensor(self.biases[layer]))

    def _normalized(self, h: tf.Tensor, layer: int) -> tf.Tensor:
        if not self.gains:
            return h
        mean, variance = tf.nn.moments(h, axes=[-1], keepdims=True)
        return (h - mean) * tf.math.rsqrt(variance + 1e-3) * self.gains[layer]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "inputs": self.inputs,
            "hidden": self.hidden,
            "outputs": self.outputs,
            "activation": self.activation,
            "normalization": self.normalization,
            "zero_outputs": self.zero_outputs,
        }


def _glorot(rng: np.random.Generator, fan_in: int, shape: Sequence[int]) -> np.ndarray:
    limit = np.sqrt(6.0 / (fan_in + shape[1]))
    return rng.uniform(-limit, limit, shape).astype(np.float32)
