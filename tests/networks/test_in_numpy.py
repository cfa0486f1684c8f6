"""Networks of few rows in NumPy: what TensorFlow computes of them."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ssvae.networks import in_numpy
from ssvae.networks.mlp import MLP, NORMALIZATIONS, SKIPS
from ssvae.networks.selection import Selection

RNG = np.random.default_rng(0)


def moved(layer):
    """Give every weight other numbers, so that none is 0 or 1."""
    layer.set_weights([weight + RNG.uniform(0.1, 0.6, weight.shape) for weight in layer.get_weights()])
    return layer


@pytest.mark.parametrize("activation", [*in_numpy.ACTIVATIONS, "gelu"])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 5, 4)])
def test_every_network(activation, hidden):
    x = RNG.normal(size=(6, 3)).astype(np.float32)
    for normalization, skip in itertools.product(NORMALIZATIONS, SKIPS):
        network = MLP([3], hidden, 2, activation, normalization, skip=skip)
        network.reset(RNG)
        found = in_numpy.outputs(moved(network), x)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, network(tf.constant(x)), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(in_numpy.outputs(network, x[2:3]), found[2:3], rtol=1e-5, atol=1e-6)


def test_selected_columns():
    selection, z = moved(Selection(4, (3, 1))), RNG.normal(size=(6, 4)).astype(np.float32)
    np.testing.assert_allclose(in_numpy.selected(selection, z), selection(z), rtol=1e-6)


def test_numbers_that_were_read_stay_when_the_variable_changes():
    """They are not copied, and no assignment writes into them."""
    network = MLP([3], (), 2)
    before = in_numpy.read(network.biases[0])
    network.biases[0].assign([1.0, 2.0])
    between = in_numpy.read(network.biases[0])
    network.biases[0].value.assign_add([1.0, 1.0])
    for found, expected in ((before, [0, 0]), (between, [1, 2]), (in_numpy.read(network.biases[0]), [2, 3])):
        np.testing.assert_array_equal(found, expected)
