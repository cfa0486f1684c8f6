"""The optimizer, against Keras'."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend.adam import Adam, global_norm, penalty

RNG = np.random.default_rng(0)
START = [RNG.normal(size=shape).astype(np.float32) for shape in ((5, 3), (3,), (3, 2))]
PRECISIONS = [0.5, 0.0, 0.1]


def gradients(step: int) -> list[np.ndarray]:
    rng = np.random.default_rng(step)
    return [rng.normal(0, 10.0 ** (step % 3 - 1), w.shape).astype(np.float32) for w in START]


@pytest.mark.parametrize("jit", [False, True])
def test_steps_are_those_of_keras(jit):
    mine, theirs = [tf.Variable(w) for w in START], [keras.Variable(w) for w in START]
    adam, reference = Adam(mine, clip_norm=2.0), keras.optimizers.Adam()
    reference.build(theirs)
    apply = tf.function(adam.apply, autograph=False, jit_compile=jit)
    for step in range(7):
        rate, given = 0.01 / (step + 1), gradients(step)
        apply([tf.constant(g) for g in given], tf.constant(rate), PRECISIONS)
        clipped, _ = tf.clip_by_global_norm(given, 2.0)
        reference.learning_rate.assign(rate)
        reference.apply([g + p * w.value for g, p, w in zip(clipped, PRECISIONS, theirs, strict=True)], theirs)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_zero_gradients_change_nothing():
    weights = [tf.Variable(w) for w in START]
    Adam(weights, clip_norm=1.0).apply([tf.zeros_like(w) for w in START], tf.constant(0.1), [0.0] * 3)
    assert all((a.numpy() == b).all() for a, b in zip(weights, START, strict=True))


def test_norm_and_penalty():
    assert float(global_norm(START)) == pytest.approx(float(tf.linalg.global_norm(START)), rel=1e-6)
    expected = 0.5 * sum(p * (w**2).sum() for p, w in zip(PRECISIONS, START, strict=True))
    assert float(penalty(START, PRECISIONS)) == pytest.approx(expected, rel=1e-6)
