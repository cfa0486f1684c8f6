"""The multilayer perceptron whose first layer has one part an input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

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
    with pytest.raises(ValueError, match="normalization must be 'none' or 'layer', got 'batch'"):
        mlp(normalization="batch")


def test_config_round_trip():
    network = mlp(activation="relu", normalization="layer")
    twin = MLP.from_config(network.get_config())
    twin.set_weights(network.get_weights())
    np.testing.assert_array_equal(twin(X, Y[[0, 1, 2, 0, 1, 2]]), network(X, Y[[0, 1, 2, 0, 1, 2]]))
    assert keras.saving.get_registered_object("ssvae>MLP") is MLP
