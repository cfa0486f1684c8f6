"""The multilayer perceptron whose first layer has one part an input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import engine
from ssvae.networks.mlp import MLP

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)).astype(np.float32), np.eye(3, dtype=np.float32)


def mlp(inputs=(4, 3), hidden=(5, 6), **settings) -> MLP:
    network = MLP(inputs, hidden, 2, **settings)
    network.reset(np.random.default_rng(1))
    for bias in network.biases:
        bias.assign(RNG.normal(size=bias.shape))
    return network


@pytest.mark.parametrize("hidden", [(), (5,), (5, 6)])
def test_two_parts_are_one_concatenated_input(hidden):
    two, one = mlp(hidden=hidden), mlp(inputs=(7,), hidden=hidden)
    one.first[0].assign(tf.concat([two.first[0], two.first[1]], axis=0))
    for pair in (*zip(one.kernels, two.kernels, strict=True), *zip(one.biases, two.biases, strict=True)):
        pair[0].assign(pair[1])
    y = Y[[0, 1, 2, 0, 1, 2]]
    np.testing.assert_allclose(two(X, y), one(np.concatenate([X, y], axis=1)), atol=1e-5)


def test_class_axis_broadcasts_as_if_tiled():
    network = mlp()
    found = network(X, Y[:, None, :])
    assert found.shape == (3, 6, 2)
    for k in range(3):
        np.testing.assert_allclose(found[k], network(X, np.tile(Y[k], (6, 1))), atol=1e-5)
    sampled = network(np.stack([X, 2 * X])[:, None], Y[:, None, :])  # [S, 1, B, D] with [K, 1, K]
    assert sampled.shape == (2, 3, 6, 2)
    np.testing.assert_allclose(sampled[0], found, atol=1e-5)


def test_x_part_is_computed_once():
    """The class axis adds no row to the product with W_x."""
    network, seen = mlp(), []
    graph = tf.function(lambda x: network(x, Y[:, None, :])).get_concrete_function(tf.TensorSpec([6, 4])).graph
    for operation in graph.get_operations():
        if operation.type == "MatMul" and operation.inputs[0].shape[-1] == 4:
            seen.append(operation.inputs[0].shape[0])
    assert seen == [6]


def test_reset_is_glorots_and_of_its_generator():
    first, second, other = (MLP([40, 10], [30], 8, zero_outputs=4) for _ in range(3))
    for network, seed in ((first, 5), (second, 5), (other, 6)):
        network.reset(np.random.default_rng(seed))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.first[0] != other.first[0]).numpy().any()
    limit = np.sqrt(6 / (40 + 10 + 30))
    for part in first.first:
        assert limit * 0.9 < np.abs(part).max() <= limit
    assert (np.array(first.kernels[-1])[:, 4:] == 0).all()
    assert (np.array(first.kernels[-1])[:, :4] != 0).all()


def test_layer_normalisation_leaves_rows_alone():
    plain, network = mlp(), mlp(normalization="layer")
    whole = network(X, Y[[0, 1, 2, 0, 1, 2]])
    np.testing.assert_allclose(network(X[2:3], Y[2:3]), whole[2:3], atol=1e-5)
    for gain in network.gains:
        np.testing.assert_array_equal(gain, np.ones(gain.shape))
    scaled = network(3 * X, 3 * Y[[0, 1, 2, 0, 1, 2]])  # what is normalised has no scale; epsilon is 0.001
    np.testing.assert_allclose(scaled, whole, atol=0.02)
    assert np.abs(np.array(plain(3 * X, 3 * Y[[0, 1, 2, 0, 1, 2]])) - plain(X, Y[[0, 1, 2, 0, 1, 2]])).max() > 0.1
    with pytest.raises(ValueError, match=r"normalization must be one of \['none', 'layer', 'batch'\], got 'group'"):
        mlp(normalization="group")


SETTINGS = [
    {"hidden": ()},
    {"hidden": (5, 5), "skip": "highway"},
    {"hidden": (5, 6), "normalization": "layer"},
    {"hidden": (5, 5, 4), "normalization": "batch", "skip": "highway"},
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("settings", SETTINGS)
def test_parts_of_the_first_layer_can_be_had_one_by_one(settings, training):
    network = mlp(**settings)
    with engine.using(engine.Engine(training=training)):
        x, y = network.first_part(0, X), network.first_part(1, Y[:, None, :])
        np.testing.assert_array_equal(network.rest(x + y), network(X, Y[:, None, :]))
        np.testing.assert_array_equal(network.head(network.trunk(x + y)), network(X, Y[:, None, :]))
    np.testing.assert_allclose(x, X @ np.array(network.first[0]), atol=1e-6)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_highway_layers_are_their_formula():
    network = mlp(inputs=(4,), hidden=(5, 5, 3, 3), activation="tanh", skip="highway")
    w, b = [np.array(v, np.float64) for v in network.kernels], [np.array(v, np.float64) for v in network.biases]
    gates = dict(zip(network.gated, zip(network.gate_kernels, network.gate_biases, strict=True), strict=True))
    assert list(gates) == [1, 3]  # layer 2 is narrower than the one before it
    h = np.tanh(X @ np.array(network.first[0]) + b[0])
    for layer in (1, 2, 3):
        new = np.tanh(h @ w[layer - 1] + b[layer])
        if layer in gates:
            kernel, bias = (np.array(v, np.float64) for v in gates[layer])
            t = sigmoid(h @ kernel + bias)
            new = t * new + (1 - t) * h
        h = new
    np.testing.assert_allclose(network(X), h @ w[3] + b[4], atol=1e-5)


def test_highway_layers_start_by_carrying():
    network = mlp(hidden=(5, 5), skip="highway")
    np.testing.assert_array_equal(network.gate_biases[0], np.full(5, -1.0))
    limit = np.sqrt(6 / 10)
    assert 0.5 * limit < np.abs(network.gate_kernels[0]).max() <= limit
    plain = mlp(hidden=(5, 5))  # what both have is drawn alike
    for a, b in zip(plain.kernels, network.kernels, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"skip must be one of \['none', 'highway'\], got 'residual'"):
        mlp(skip="residual")


def test_batch_normalisation_is_of_all_rows_in_training_and_of_none_outside():
    network = mlp(inputs=(4,), hidden=(5, 6), activation="tanh", normalization="batch")
    network.gains[0].assign([1.0, 2.0, 3.0, 4.0, 5.0])

    def expected(h, moments):
        for layer, (mean, variance) in enumerate(moments):
            h = h @ np.array(network.first[0] if not layer else network.kernels[0])
            mean, variance = (h.mean(axis=0), h.var(axis=0)) if mean is None else (mean, variance)
            scaled = (h - mean) / np.sqrt(variance + 1e-3) * np.array(network.gains[layer])
            h = np.tanh(scaled + np.array(network.biases[layer]))
        return h @ np.array(network.kernels[1]) + np.array(network.biases[2])

    np.testing.assert_allclose(network(X), expected(X, [(0, 1), (0, 1)]), atol=1e-5)
    with engine.using(engine.Engine(training=True)):
        np.testing.assert_allclose(network(X), expected(X, [(None, None)] * 2), atol=1e-5)
    averages = [(np.array(norm.mean), np.array(norm.variance)) for norm in network.norms]
    assert np.abs(averages[0][0]).max() > 0
    np.testing.assert_allclose(network(X), expected(X, averages), atol=1e-5)
    np.testing.assert_allclose(network(X[2:3]), network(X)[2:3], atol=1e-6)
    network.reset(np.random.default_rng(0))
    np.testing.assert_array_equal(network.norms[1].mean, np.zeros(6))


@pytest.mark.parametrize("settings", SETTINGS)
def test_xla_is_graph_mode(settings):
    """One training step in a while loop, as the compiled loop takes it: outputs, gradients and averages."""
    found, start = [], mlp(**settings)
    for xla in (False, True):
        network = MLP.from_config(start.get_config())
        network.set_weights(start.get_weights())
        weights = [weight.value for weight in network.trainable_weights]

        def step(i, total, network=network, weights=weights):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(network(X, Y[:, None, :])))
            for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
                weight.assign_sub(0.1 * gradient)
            return i + 1, total + loss

        def loop(step=step):
            return tf.while_loop(lambda i, _: i < 5, step, (0, 0.0))[1]

        with engine.using(engine.Engine(xla=xla, training=True)):
            total = tf.function(loop, autograph=False, jit_compile=xla)()
        found.append([np.array(total), *network.get_weights(), np.array(network(X, Y[[0, 1, 2, 0, 1, 2]]))])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


@pytest.mark.parametrize("settings", [{"normalization": "layer"}, *SETTINGS])
def test_config_round_trip(settings):
    network = mlp(activation="relu", **settings)
    with engine.using(engine.Engine(training=True)):
        network(X, Y[[0, 1, 2, 0, 1, 2]])
    twin = MLP.from_config(network.get_config())
    twin.set_weights(network.get_weights())
    np.testing.assert_array_equal(twin(X, Y[[0, 1, 2, 0, 1, 2]]), network(X, Y[[0, 1, 2, 0, 1, 2]]))
    assert keras.saving.get_registered_object("ssvae>MLP") is MLP
