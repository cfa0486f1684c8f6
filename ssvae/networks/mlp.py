"""Multilayer perceptron whose first affine layer has one part for each input."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from ssvae.backend.softplus import softplus
from ssvae.networks.affine import product, shifted
from ssvae.networks.batch_norm import EPSILON, BatchNorm
from ssvae.networks.layer import Layer
from ssvae.settings.checks import one_of

NORMALIZATIONS = ("none", "layer", "batch")
SKIPS = ("none", "highway")
GATE_BIAS = -1.0  # highway layers start by carrying most of their input on, as their paper advises (§2.2)


@keras.saving.register_keras_serializable("ssvae")
class MLP(Layer):
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
    normalization : "none", "layer" or "batch"
        Of every hidden layer before its activation. "layer" (Ba, Kiros and Hinton, 2016) leaves rows independent of
        each other, so enumerated classes and padded rows change nothing; with "batch" (`networks.batch_norm`) they do
        so in training, where the statistics are those of all rows and classes of a step, and not outside it.
    skip : "none" or "highway"
        "highway": a hidden layer as wide as the one before it is h' = t ⊙ φ(W h + b) + (1 − t) ⊙ h with
        t = σ(W_t h + b_t), b_t starting at −1 (Highway Networks, Srivastava, Greff and Schmidhuber, 2015, eq. 3).
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
        skip: str = "none",
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs, self.hidden, self.outputs = tuple(inputs), tuple(hidden), outputs
        self.activation, self.normalization, self.skip = activation, normalization, skip
        self.zero_outputs = zero_outputs
        self._check()
        self._function = softplus if activation == "softplus" else keras.activations.get(activation)
        first, *rest = [*self.hidden, outputs]
        self.first = [self._weight(f"first_{i}", (width, first)) for i, width in enumerate(self.inputs)]
        widths = [first, *rest]
        self.kernels = [self._weight(f"kernel_{i}", shape) for i, shape in enumerate(zip(widths, rest, strict=False))]
        self.biases = [self._weight(f"bias_{i}", (width,)) for i, width in enumerate(widths)]
        scaled = () if normalization == "none" else self.hidden
        self.gains = [self._weight(f"gain_{i}", (width,)) for i, width in enumerate(scaled)]
        self.norms = [BatchNorm(width, name=f"norm_{i}") for i, width in enumerate(scaled) if normalization == "batch"]
        equal = tuple(i for i in range(1, len(self.hidden)) if widths[i] == widths[i - 1])
        self.gated = equal if skip == "highway" else ()
        self.gate_kernels = [self._weight(f"gate_kernel_{i}", (widths[i], widths[i])) for i in self.gated]
        self.gate_biases = [self._weight(f"gate_bias_{i}", (widths[i],)) for i in self.gated]
        self.built = True

    def _check(self) -> None:
        for argument, allowed in (("normalization", NORMALIZATIONS), ("skip", SKIPS)):
            one_of(argument, getattr(self, argument), allowed)
        if min(*self.inputs, *self.hidden, self.outputs) < 1:
            raise ValueError(
                f"latent and hidden must be at least 1: a network of inputs {list(self.inputs)}, hidden "
                f"{list(self.hidden)} and {self.outputs} outputs cannot be made"
            )

    def _weight(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the weights again: Glorot-uniform, biases zero (of highway gates −1).

        References
        ----------
        Understanding the difficulty of training deep feedforward neural networks (Glorot and Bengio, 2010), eq. 16.
        """
        total = sum(self.inputs)
        for part in self.first:
            part.assign(_glorot(rng, total, part.shape))
        for kernel in (*self.kernels, *self.gate_kernels):
            kernel.assign(_glorot(rng, kernel.shape[0], kernel.shape))
        for value, weights in ((0.0, self.biases), (1.0, self.gains), (GATE_BIAS, self.gate_biases)):
            for weight in weights:
                weight.assign(np.full(weight.shape, value, np.float32))
        for norm in self.norms:
            norm.reset(rng)
        if self.zero_outputs:
            for kernel in self.kernels[-1:] or self.first:
                start = np.array(kernel)
                start[:, -self.zero_outputs :] = 0.0
                kernel.assign(start)

    def call(self, *parts: tf.Tensor) -> tf.Tensor:
        """Return the outputs [..., outputs] for one tensor [..., width] an input."""
        pairs = zip(range(len(self.inputs)), parts, strict=True)
        return self.rest(sum(self.first_part(index, part) for index, part in pairs))

    def first_part(self, index: int, x: tf.Tensor) -> tf.Tensor:
        """Return what input `index`, x [..., width], adds to the first layer: W x, [..., hidden[0]], without bias.

        The sum over all inputs is what `rest` takes, so that one that stays the same can be multiplied once.
        """
        return product(x, self.first[index])

    def rest(self, h: tf.Tensor) -> tf.Tensor:
        """Return the outputs for the summed parts h [..., hidden[0]] of the first layer."""
        return self.head(self.trunk(h))

    def trunk(self, h: tf.Tensor) -> tf.Tensor:
        """Return the last hidden layer [..., hidden[-1]] for the summed parts h; h itself where none is hidden."""
        for layer in range(len(self.hidden)):
            below = h
            if layer:
                h = product(h, self.kernels[layer - 1])
            h = self._function(self._shifted(self._normalized(h, layer), layer))
            if layer in self.gated:
                h = self._carried(h, below, self.gated.index(layer))
        return h

    def head(self, h: tf.Tensor) -> tf.Tensor:
        """Return the outputs for what `trunk` returns."""
        return self._shifted(product(h, self.kernels[-1]) if self.hidden else h, -1)

    def _shifted(self, h: tf.Tensor, layer: int) -> tf.Tensor:
        return shifted(h, tf.convert_to_tensor(self.biases[layer]))

    def _carried(self, h: tf.Tensor, below: tf.Tensor, gate: int) -> tf.Tensor:
        logits = shifted(product(below, self.gate_kernels[gate]), tf.convert_to_tensor(self.gate_biases[gate]))
        return below + tf.sigmoid(logits) * (h - below)

    def _normalized(self, h: tf.Tensor, layer: int) -> tf.Tensor:
        if self.normalization == "none":
            return h
        if self.norms:
            return self.norms[layer](h) * self.gains[layer]
        mean, variance = tf.nn.moments(h, axes=[-1], keepdims=True)
        return (h - mean) * tf.math.rsqrt(variance + EPSILON) * self.gains[layer]

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        own = ("inputs", "hidden", "outputs", "activation", "normalization", "zero_outputs", "skip")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def _glorot(rng: np.random.Generator, fan_in: int, shape: Sequence[int]) -> np.ndarray:
    limit = np.sqrt(6.0 / (fan_in + shape[1]))
    return rng.uniform(-limit, limit, shape).astype(np.float32)
