"""Fingerprints of traced functions."""

import numpy as np
import tensorflow as tf

from ssvae.backend.fingerprint import fingerprint

HELD, OTHER = tf.Variable([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0])


@tf.custom_gradient
def doubled(x):
    return 2.0 * x, lambda upstream: 2.0 * upstream


def of(function):
    return fingerprint(tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([3])))


def scaled(factor):
    """Return a function with a constant, which TensorFlow names by a running number where it is a tensor."""
    return lambda x: x * factor


def looped(factor, steps=3):
    return lambda x: tf.while_loop(lambda i, _: i < steps, lambda i, h: (i + 1, doubled(factor * h)), (0, x))[1]


def test_the_same_computation_is_found_again():
    for make in (
        lambda: scaled(2.0),
        lambda: scaled(tf.constant(2.0)),
        lambda: scaled(np.float32([1, 2, 3])),
        lambda: looped(0.5),
        lambda: lambda x: doubled(x) + HELD,
    ):
        assert of(make()) == of(make())


def test_other_computations_are_told_apart():
    functions = [
        *(scaled(factor) for factor in (2.0, tf.constant(3.0), tf.constant(4.0), np.float32([1, 2, 3]), HELD, OTHER)),
        *(looped(factor, steps) for factor in (0.5, 0.25) for steps in (3, 4)),
        lambda x: x - HELD,
        lambda x: HELD - x,
        lambda x: tf.exp(x) - tf.sin(x),
        lambda x: tf.sin(x) - tf.exp(x),
        lambda x: (x, x + 1.0),
        lambda x: (x + 1.0, x),
    ]
    found = [of(function) for function in functions]
    assert len(set(found)) == len(functions)


def test_a_variable_counts_by_what_it_is_and_not_by_its_value():
    before = of(scaled(HELD))
    HELD.assign_add([1.0, 1.0, 1.0])
    assert of(scaled(HELD)) == before
