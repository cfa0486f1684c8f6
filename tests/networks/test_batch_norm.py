"""Batch normalisation: by the rows in training, by their moving averages elsewhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import engine
from ssvae.networks.batch_norm import BatchNorm

RNG = np.random.default_rng(0)
MEAN, SCALE = np.array([1.0, -2.0, 0.5]), np.array([0.5, 2.0, 1.0])
TRAINING = engine.Engine(training=True)


def rows(*shape) -> np.ndarray:
    return RNG.normal(MEAN, SCALE, (*shape, 3)).astype(np.float32)


@pytest.mark.parametrize("shape", [(50,), (4, 50), (2, 4, 50)])
def test_training_standardises_over_all_leading_axes(shape):
    h, layer = rows(*shape), BatchNorm(3)
    flat = h.reshape(-1, 3)
    with engine.using(TRAINING):
        found = layer(h)
    np.testing.assert_allclose(found, (h - flat.mean(axis=0)) / np.sqrt(flat.var(axis=0) + 1e-3), atol=1e-5)
    np.testing.assert_allclose(layer.mean, flat.mean(axis=0), atol=1e-6)  # the first call counts in full
    np.testing.assert_allclose(layer.variance, flat.var(axis=0), rtol=1e-5)


def test_elsewhere_rows_are_alone_and_nothing_is_learnt():
    layer, h = BatchNorm(3), rows(6)
    with engine.using(TRAINING):
        layer(rows(100))
    before = layer.get_weights()
    mean, variance, _ = before
    np.testing.assert_allclose(layer(h), (h - mean) / np.sqrt(variance + 1e-3), atol=1e-5)
    np.testing.assert_allclose(layer(h[2:3]), layer(h)[2:3], atol=1e-6)
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("xla", [False, True])
def test_averages_converge_inside_a_compiled_loop(xla):
    layer = BatchNorm(3)
    batches = tf.constant(rows(400, 50))

    def step(i):
        layer(batches[i])
        return (i + 1,)

    with engine.using(TRAINING._replace(xla=xla)):
        tf.function(lambda: tf.while_loop(lambda i: i < 400, step, (0,)), autograph=False, jit_compile=xla)()
    np.testing.assert_allclose(layer.mean, MEAN, atol=0.1)
    np.testing.assert_allclose(layer.variance, SCALE**2, rtol=0.1)
    np.testing.assert_array_equal(layer.calls, [400.0])


def test_averages_are_plain_at_first_and_then_forget():
    layer, seen = BatchNorm(3), [rows(20) for _ in range(150)]
    expected = np.zeros(3)
    for call, h in enumerate(seen, start=1):
        with engine.using(TRAINING):
            layer(h)
        expected += max(0.01, 1 / call) * (h.mean(axis=0) - expected)
        if call == 40:
            np.testing.assert_allclose(layer.mean, np.mean(seen[:40], axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(layer.mean, expected, atol=1e-5)


def test_gradient_goes_through_the_statistics():
    """What is standardised does not change when a constant is added to every row."""
    shift = tf.Variable(0.3)
    h, target = rows(30), rows(30)
    with engine.using(TRAINING), tf.GradientTape() as tape:
        loss = tf.reduce_sum(BatchNorm(3)(h + shift) * target)
    assert abs(float(tape.gradient(loss, shift))) < 1e-3


def test_reset_and_config():
    layer = BatchNorm(3)
    with engine.using(TRAINING):
        layer(rows(10))
    twin = BatchNorm.from_config(layer.get_config())
    twin.set_weights(layer.get_weights())
    h = rows(5)
    np.testing.assert_array_equal(twin(h), layer(h))
    assert not layer.trainable_weights
    layer.reset(np.random.default_rng(0))
    for weight, start in zip(layer.get_weights(), (np.zeros(3), np.ones(3), np.zeros(1)), strict=True):
        np.testing.assert_array_equal(weight, start)
    assert keras.saving.get_registered_object("ssvae>BatchNorm") is BatchNorm
