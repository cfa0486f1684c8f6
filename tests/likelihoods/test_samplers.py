"""The distributions with samplers of this package: the same draws in graph mode and under XLA."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.likelihoods import LIKELIHOODS

SEED = random.seed_tensor(0)


@pytest.mark.parametrize(
    "slot", ["bernoulli", "discretized_logistic", "gaussian", {"name": "multinomial", "length": 7}], ids=str
)
def test_draws_do_not_depend_on_the_engine(slot):
    likelihood = LIKELIHOODS.build(slot)
    h = np.random.default_rng(1).normal(0, 2.0, (2, 6, likelihood.outputs(3))).astype(np.float32)
    found = []
    for xla in (False, True):
        with engine.using(engine.Engine(xla=xla)):
            found.append(tf.function(lambda h: likelihood(h).sample(5, seed=SEED), autograph=False, jit_compile=xla)(h))
    np.testing.assert_allclose(*found, rtol=2e-5, atol=2e-5)
