"""Products with small matrices: the same as a matrix product, compiled or not, for any leading axes."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend.engine import Engine, using
from ssvae.bayes_nets import dot


@pytest.mark.parametrize("shape", [(3,), (5, 3), (4, 1, 3), (2, 4, 5, 3)], ids=str)
@pytest.mark.parametrize("kernel", [(3, 4), (3,), (3, 700)], ids=str)
def test_value_and_gradient_are_those_of_a_matrix_product(shape, kernel):
    rng = np.random.default_rng(0)
    z, w = rng.normal(size=shape).astype("f4"), rng.normal(size=kernel).astype("f4")

    def both(z, w):
        with using(Engine(xla=True)), tf.GradientTape() as tape:
            tape.watch([z, w])
            found = dot(z, w)
            loss = tf.reduce_sum(tf.square(found))
        return found, tape.gradient(loss, [z, w])

    found, gradients = tf.function(both, jit_compile=True, autograph=False)(tf.constant(z), tf.constant(w))
    np.testing.assert_allclose(found, z @ w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dot(tf.constant(z), w), z @ w, rtol=1e-4, atol=1e-5)
    upstream = 2.0 * (z @ w)
    by_w = np.tensordot(z.reshape(-1, 3).T, upstream.reshape(-1, *kernel[1:]), 1)
    np.testing.assert_allclose(
        gradients[0], upstream @ w.T if w.ndim == 2 else upstream[..., None] * w, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(gradients[1], by_w, rtol=1e-3, atol=1e-4)
