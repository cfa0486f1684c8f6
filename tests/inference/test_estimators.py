"""Refinement in the estimator: what it changes and what not, rows alone, engines, saved models, other checks."""

from functools import cache

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_methods_sample_order_invariance, check_methods_subset_invariance

import ssvae
from ssvae import SSVAEClassifier
from ssvae.backend.compile_cache import Pool
from ssvae.inference import gradient_refined
from ssvae.training import loop

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.6, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
Y = np.where(np.arange(40) % 4 == 0, np.repeat([0, 1], 20), -1)
MODELS = {
    "m1": {"name": "m1", "latent": 2, "hidden": [4], "classifier": "logistic_regression"},
    "m2": {"name": "m2", "latent": 2, "hidden": [4]},
    "m1_m2": {"name": "m1_m2", "latent": 2, "hidden": [4], "m1": {"hidden": [4]}},
    "hierarchical": {"name": "hierarchical", "latent": [3, 2], "hidden": 4, "depth": 1, "normalization": "batch"},
}
SLOW = pytest.mark.slow
METHODS = {
    "amortized": "amortized",
    "no_steps": {"name": "gradient_refined", "steps": 0},
    "refined": {"name": "gradient_refined", "steps": 2, "warm_start": 0.0},
    "at_predict": {"name": "gradient_refined", "steps": 6, "samples": 4, "refine_at": "predict"},
    "iterative": {"name": "iterative", "steps": 2, "hidden": [6], "warm_start": 0.0},
}


def estimator(model, method, **settings) -> SSVAEClassifier:
    arguments = {"epochs": 4, "batch_size": 10, "learning_rate": 1e-2, "regularizers": (), "random_state": 0}
    return SSVAEClassifier(MODELS[model], inference=METHODS[method], **{**arguments, **settings})


@cache
def fitted(model, method) -> SSVAEClassifier:
    return estimator(model, method).fit(X, Y)


def weights(model) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.weights]


@SLOW
def test_fit_of_no_steps_is_the_amortised_one():
    plain, refined = fitted("m1_m2", "amortized"), fitted("m1_m2", "no_steps")
    for a, b in zip(weights(plain.model_), weights(refined.model_), strict=True):
        np.testing.assert_array_equal(a, b)
    assert plain.history_["loss"] == refined.history_["loss"]
    np.testing.assert_array_equal(plain.predict_proba(X), refined.predict_proba(X))
    np.testing.assert_allclose(plain.bound(X), refined.bound(X), rtol=1e-6)


@pytest.mark.parametrize("model", ["m1", pytest.param("m1_m2", marks=SLOW)])
def test_latents_are_refined_means(model):
    """M1 is trained as without refinement; what is read off it is not."""
    plain, refined = fitted(model, "amortized"), fitted(model, "at_predict")
    first, second = (getattr(each.model_, "first", each.model_) for each in (plain, refined))
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(plain.transform(X) - refined.transform(X)).max() > 0.02
    if model == "m1":
        assert refined.bound(X).mean() > plain.bound(X).mean() + 0.01


@SLOW
def test_classes_of_m2_are_refined_where_they_come_from_its_bounds():
    plain, refined = fitted("m2", "amortized"), fitted("m2", "at_predict")
    np.testing.assert_array_equal(refined.predict_proba(X), plain.predict_proba(X))
    moved = np.abs(refined.predict_proba(X, via="bayes", samples=2) - plain.predict_proba(X, via="bayes", samples=2))
    assert moved.max() > 1e-3
    assert np.abs(plain.transform(X) - refined.transform(X)).max() > 0.02


@pytest.mark.parametrize(("model", "method"), [("m1", "refined"), pytest.param("m1_m2", "iterative", marks=SLOW)])
def test_a_row_is_predicted_alone_as_among_others(model, method):
    own, order = fitted(model, method), RNG.permutation(40)
    for function in (own.predict_proba, own.transform):
        whole = function(X)
        np.testing.assert_allclose(function(X[order]), whole[order], rtol=1e-4, atol=1e-6)
        for i in (0, 17):
            np.testing.assert_allclose(function(X[i : i + 1])[0], whole[i], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(function(np.resize(X, (2100, 3)))[:40], whole, rtol=1e-3, atol=1e-4)  # by XLA


@pytest.mark.parametrize("model", ["m1", *(pytest.param(name, marks=SLOW) for name in ("m1_m2", "hierarchical"))])
def test_what_was_saved_with_update_networks_comes_back_the_same(model, tmp_path):
    original = fitted(model, "iterative")
    original.save(tmp_path / "saved")
    loaded = ssvae.load(tmp_path / "saved")
    for name in ("predict_proba", "transform", "bound", "reconstruct"):
        np.testing.assert_array_equal(getattr(loaded, name)(X), getattr(original, name)(X), err_msg=name)
    assert loaded.inference == METHODS["iterative"]


@SLOW
@pytest.mark.parametrize("method", ["refined", "iterative"])
@pytest.mark.parametrize("model", ["m1", "hierarchical"])
def test_fits_do_not_depend_on_the_engine(model, method, monkeypatch):
    """So few steps are taken in graph mode where nothing is said; M2 is below, and in tests/backend/test_engine.py."""
    monkeypatch.setattr(loop, "POOL", Pool())  # what XLA compiled is large, and no other test wants it
    compiled = estimator(model, method, engine="xla").fit(X, Y)
    np.testing.assert_allclose(compiled.history_["loss"], fitted(model, method).history_["loss"], rtol=1e-3)


@SLOW
@pytest.mark.parametrize(
    ("model", "settings"),
    [("m2", {}), ("m1", {"line_search": True, "samples": 4}), ("m1", {"encoder": "through", "samples": 1})],
)
def test_fits_of_many_steps_do_not_depend_on_the_engine(model, settings, monkeypatch):
    """More steps than are written out are a loop inside the loop of training, unless they are differentiated."""
    monkeypatch.setattr(gradient_refined, "UNROLLED", 1)
    monkeypatch.setattr(loop, "POOL", Pool())
    inference = {"name": "gradient_refined", "steps": 3, "rate": 0.3, "warm_start": 0.0, **settings}
    losses = []
    for engine in ("graph", "xla"):
        own = estimator(model, "refined", epochs=2, engine=engine).set_params(inference=inference)
        losses.append(own.fit(X, Y).history_["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-3)


@SLOW
@pytest.mark.parametrize("check", [check_methods_subset_invariance, check_methods_sample_order_invariance])
@pytest.mark.parametrize(("model", "method"), [("m1", "refined"), ("m1_m2", "refined"), ("m1_m2", "iterative")])
def test_scikit_learn_finds_rows_independent(model, method, check):
    check("SSVAEClassifier", estimator(model, method, unlabeled=None))
