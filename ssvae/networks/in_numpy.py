"""Networks applied to a few rows in NumPy, where a call of TensorFlow would take longer than the sums."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ssvae.networks.batch_norm import EPSILON
from ssvae.networks.mlp import MLP
from ssvae.networks.selection import Selection

# What Keras' function of the same name does, without a call of TensorFlow.
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda h: h,
    "relu": lambda h: np.maximum(h, 0.0),
    "sigmoid": lambda h: 0.5 + 0.5 * np.tanh(0.5 * h),
    "softplus": lambda h: np.logaddexp(h, 0.0),
    "tanh": np.tanh,
}


def read(variable: keras.Variable) -> np.ndarray:
    """Return the numbers of a variable as they are now, without a copy: one that is assigned to takes new memory."""
    own = variable.value
    return np.asarray(memoryview(tf.raw_ops.ReadVariableOp(resource=own.handle, dtype=own.dtype)))


def outputs(network: MLP, x: np.ndarray) -> np.ndarray:
    """Return the outputs [B, outputs] of a network of one input for rows x [B, D], as outside training."""
    h = x @ read(network.first[0])
    for layer in range(len(network.hidden)):
        below = h
        if layer:
            h = h @ read(network.kernels[layer - 1])
        h = _activated(network, _normalized(network, h, layer) + read(network.biases[layer]))
        if layer in network.gated:
            gate = network.gated.index(layer)
            logits = below @ read(network.gate_kernels[gate]) + read(network.gate_biases[gate])
            h = below + ACTIVATIONS["sigmoid"](logits) * (h - below)
    return (h @ read(network.kernels[-1]) if network.hidden else h) + read(network.biases[-1])


def selected(selection: Selection, z: np.ndarray) -> np.ndarray:
    """Return the kept columns [B, A] of z [B, Z], standardised."""
    return (z[:, list(selection.columns)] - read(selection.shift)) / read(selection.scale)


def _activated(network: MLP, h: np.ndarray) -> np.ndarray:
    function = ACTIVATIONS.get(network.activation) if isinstance(network.activation, str) else None
    return function(h) if function else np.asarray(keras.activations.get(network.activation)(h))


def _normalized(network: MLP, h: np.ndarray, layer: int) -> np.ndarray:
    if network.normalization == "none":
        return h
    if network.norms:
        mean, variance = read(network.norms[layer].mean), read(network.norms[layer].variance)
    else:
        mean, variance = h.mean(axis=-1, keepdims=True), h.var(axis=-1, keepdims=True)
    return (h - mean) / np.sqrt(variance + EPSILON) * read(network.gains[layer])
