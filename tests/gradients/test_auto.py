"""Which gradient "auto" stands for, and the class gradients through the estimator."""

import numpy as np
import pytest
import tensorflow as tf

import ssvae
from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.distributions import bernoulli, diagonal_normal, one_hot
from ssvae.gradients.auto import Auto
from ssvae.gradients.base import Integrand, Terms
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.score_function import ScoreFunction
from ssvae.gradients.topm import TopM

SEED = random.seed_tensor(1)
RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.5, (20, 4)) for mean in (-1, 0, 1)]).astype(np.float32)
Y = np.where(np.arange(60) % 4 == 0, np.repeat([0, 1, 2], 20), -1)


class First(Integrand):
    def __call__(self, values):
        return Terms(sum(tf.sin(value[..., 0]) for value in values.values()), {}, {})


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ({"y": one_hot(tf.random.stateless_normal([7, 32], [1, 2]))}, Enumeration()),
        ({"y": one_hot(tf.random.stateless_normal([7, 33], [1, 2]))}, TopM(count=3, draws=2)),
        ({"b": bernoulli(tf.zeros([7, 5]))}, Enumeration()),
        ({"b": bernoulli(tf.zeros([7, 6]))}, ScoreFunction(4)),
        ({"b": bernoulli(tf.zeros([7, 3])), "c": lambda v: bernoulli(v["b"])}, ScoreFunction(4)),
        ({"z": diagonal_normal(tf.zeros([7, 2]), tf.zeros([7, 2]))}, Pathwise()),
        ({"a": one_hot(tf.zeros([7, 33])), "b": one_hot(tf.zeros([7, 2]))}, Enumeration()),
    ],
)
def test_stands_for(q, expected):
    found = Auto(count=3, draws=2).expectation(First(), q, SEED)
    np.testing.assert_array_equal(found, expected.expectation(First(), q, SEED))


def fitted(**settings) -> SSVAEClassifier:
    model = {"name": "m2", "latent": 2, "hidden": [4]}
    few = {"epochs": 2, "batch_size": 20, "bound_gradient_weight": 1.0, "regularizers": (), "random_state": 0}
    return SSVAEClassifier(model, **few, **settings).fit(X, Y)


def test_few_classes_are_fitted_as_by_enumeration_and_that_is_the_default():
    default, exact = fitted(), fitted(class_gradient="enumeration")
    assert default.get_params()["class_gradient"] == "auto"
    np.testing.assert_array_equal(default.predict_proba(X), exact.predict_proba(X))
    assert default.history_["loss"] == exact.history_["loss"]


@pytest.mark.parametrize(
    "slot",
    [
        "sample",
        {"name": "topm", "count": 1, "draws": 2},
        {"name": "auto", "most": 2, "count": 1},
        TopM(count=1),
    ],
    ids=str,
)
def test_is_fitted_saved_and_loaded(slot, tmp_path):
    own = fitted(class_gradient=slot)
    assert np.isfinite(own.history_["loss"]).all()
    own.save(tmp_path / "saved")
    loaded = ssvae.load(tmp_path / "saved")
    assert loaded.objective_ == own.objective_
    np.testing.assert_array_equal(loaded.predict_proba(X), own.predict_proba(X))
