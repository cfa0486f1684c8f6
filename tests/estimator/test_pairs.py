"""Pairs of model and inference that train to their end can also be evaluated."""

import numpy as np
import pytest

from ssvae import SSVAEClassifier
from ssvae.evaluation.metrics import evaluate

X = (np.random.default_rng(0).random((40, 4)) > 0.5).astype(np.float32)
Y = np.where(np.arange(40) < 20, np.arange(40) % 2, -1)


@pytest.mark.slow
def test_the_stack_that_hmc_has_learnt_is_evaluated():
    stack = {"name": "m1_m2", "latent": 2, "hidden": [3], "m1": {"hidden": [3]}}
    own = SSVAEClassifier(stack, inference="hmc", epochs=1, random_state=0, regularizers=()).fit(X, Y)
    assert {"error", "bound", "log_p"} <= {*evaluate(own, X, Y, log_p=2)}
    assert own.analogies(X[:2]).shape == (2, 2, 4)


def test_a_belief_network_is_refused_by_hmc_before_training():
    own = SSVAEClassifier({"name": "sbn", "latent": [3]}, inference="hmc", epochs=1, regularizers=())
    with pytest.raises(ValueError, match="needs one continuous latent"):
        own.fit(X, Y)
