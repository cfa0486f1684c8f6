"""Steps of gradient ascent on λ against their formulas in numpy."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from ssvae.inference.ascent import UNROLLED, bounded, broadcast, direction, loop, unrolled, where

NORMAL, BINARY = (SimpleNamespace(binary=binary, x=np.zeros((2, 4)), y=None) for binary in (False, True))
LEAST = 1e-3  # variance that a binary number counts with at least


def test_natural_steps_of_normal_latents_count_in_standard_deviations():
    parameters = {"z": np.float32([[0.3, -1.0, 0.0, np.log(4.0)], [0.1, 0.2, np.log(0.25), 1.0]])}
    gradient = {"z": np.float32([[0.5, 0.25, -1.0, 2.0], [30.0, 4.0, 8.0, -2.0]])}
    variance = np.exp(parameters["z"][:, 2:])
    step = np.concatenate([variance * gradient["z"][:, :2], 0.5 * gradient["z"][:, 2:]], axis=1)
    # ∂/∂μ in units of σ, half of ∂/∂log σ²
    length = np.concatenate([np.sqrt(variance) * gradient["z"][:, :2], 0.5 * gradient["z"][:, 2:]], axis=1)
    norms = np.linalg.norm(length, axis=1, keepdims=True)
    assert norms[0] < 5.0 < norms[1]
    found = direction(NORMAL, parameters, gradient, natural=True, clip_norm=5.0)["z"]
    np.testing.assert_allclose(found, step * np.minimum(1.0, 5.0 / norms), rtol=1e-5)


def test_natural_steps_of_binary_latents_count_in_standard_deviations():
    logits, gradient = np.float32([[0.3, -2.0], [12.0, 1.0]]), np.float32([[0.1, -0.05], [2.0, 0.5]])
    variance = expit(logits) * (1.0 - expit(logits)) + LEAST
    norms = np.linalg.norm(gradient / np.sqrt(variance), axis=1, keepdims=True)
    assert norms[0] < 3.0 < norms[1]
    found = direction(BINARY, {"z": logits}, {"z": gradient}, natural=True, clip_norm=3.0)["z"]
    np.testing.assert_allclose(found, gradient / variance * np.minimum(1.0, 3.0 / norms), rtol=1e-4)


def test_plain_steps_are_clipped_over_all_latents_of_a_row():
    gradient = {"z1": np.float32([[3.0, 0.0], [0.3, 0.0]]), "z2": np.float32([[4.0], [0.4]])}
    found = direction(NORMAL, gradient, gradient, natural=False, clip_norm=1.0)
    np.testing.assert_allclose(found["z1"], [[0.6, 0.0], [0.3, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(found["z2"], [[0.8], [0.4]], rtol=1e-6)


def test_a_gradient_of_zero_has_a_finite_derivative():
    gradient = tf.zeros([2, 4])
    with tf.GradientTape() as tape:
        tape.watch(gradient)
        step = direction(NORMAL, {"z": tf.zeros([2, 4])}, {"z": gradient}, natural=True, clip_norm=5.0)["z"]
    np.testing.assert_allclose(tape.gradient(step, gradient), [[1.0, 1.0, 0.5, 0.5]] * 2)


def test_parameters_stay_where_steps_can_return():
    value = np.float32([[-40.0, 40.0, -40.0, 40.0]])
    np.testing.assert_array_equal(bounded(NORMAL, {"z": value})["z"], [[-40.0, 40.0, -15.0, 15.0]])
    np.testing.assert_array_equal(bounded(BINARY, {"z": value})["z"], [[-15.0, 15.0, -15.0, 15.0]])


def test_parameters_get_the_axes_of_the_classes():
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert broadcast({"z": value}, NORMAL)["z"] is value
    every = SimpleNamespace(x=np.zeros((2, 4)), y=np.eye(5)[:, None, :])
    np.testing.assert_array_equal(broadcast({"z": value}, every)["z"], np.tile(value, (5, 1, 1)))


def test_rows_keep_what_they_do_not_take():
    new, old = {"z": np.ones((3, 2))}, {"z": np.zeros((3, 2))}
    np.testing.assert_array_equal(where(tf.constant([True, False, True]), new, old)["z"][:, 0], [1.0, 0.0, 1.0])


@pytest.mark.parametrize("steps", [0, 1, UNROLLED, UNROLLED + 1, 20])
def test_a_loop_takes_its_steps_in_their_order(steps):
    def body(step, total, last):
        return step + 1, 2 * total + 1, tf.identity(step)

    total, last = loop(body, steps, (tf.constant(0), tf.constant(-1)))
    assert (int(total), int(last)) == (2**steps - 1, steps - 1)


def test_few_steps_that_are_known_are_written_out():
    assert [unrolled(steps) for steps in (UNROLLED, UNROLLED + 1, tf.constant(1))] == [True, False, False]
