"""Refinement in the estimator: what it changes and what not, rows alone, engines, saved models, other checks."""

from functools import cache

import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from scipy.stats import norm

import ssvae
from ssvae import SSVAEClassifier
from ssvae.backend.compile_cache import Pool
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
    "two_at_predict": {"name": "gradient_refined", "steps": 2, "samples": 1, "refine_at": "predict"},
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
    plain, refined = fitted(model, "amortized"), fitted(model, "two_at_predict")
    first, second = (getattr(each.model_, "first", each.model_) for each in (plain, refined))
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(plain.transform(X) - refined.transform(X)).max() > 0.02
    if model == "m1":
        assert refined.bound(X).mean() > plain.bound(X).mean() + 0.01


def by_quadrature(own) -> tuple[np.ndarray, np.ndarray]:
    """Return p(y | x) and Σ_y q(y | x) E[z | x, y] of an M2 with ReLU networks, by sums over a grid of z in numpy."""

    def network(mlp, *parts):
        first, second = (np.array(bias, float) for bias in mlp.biases)
        h = first + sum(part @ np.array(weight, float) for part, weight in zip(parts, mlp.first, strict=True))
        return np.maximum(h, 0.0) @ np.array(mlp.kernels[0], float) + second

    grid, x = np.linspace(-6.0, 6.0, 121), own.preprocessing_.transform(X).astype(float)
    z = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 1, 2)
    scores, means = [], []
    for y in np.eye(2):
        mean, log_variance = np.split(network(own.model_.decoder, z, y[None]), 2, axis=-1)
        sd = np.exp((np.logaddexp(0.0, log_variance + 6.0) - 6.0) / 2.0)  # log-variances are above -6
        each = norm.logpdf(x, mean, sd).sum(axis=-1) + norm.logpdf(z).sum(axis=-1)
        scores.append(logsumexp(each, axis=0))
        means.append((softmax(each, axis=0)[..., None] * z).sum(axis=0))
    return softmax(np.array(scores).T, axis=1), np.einsum("bk,kbz->bz", own.predict_proba(X), np.array(means))


@SLOW
def test_classes_of_m2_are_refined_where_they_come_from_its_bounds():
    """Both methods train the same M2; from a refined q classes and latents are much nearer to the true ones."""
    plain, refined = fitted("m2", "amortized"), fitted("m2", "at_predict")
    np.testing.assert_array_equal(refined.predict_proba(X), plain.predict_proba(X))
    classes, latents = by_quadrature(plain)
    rows, far, near = np.repeat(X, 20, axis=0), [], []
    for own, found in ((plain, far), (refined, near)):
        by_bayes = own.predict_proba(rows, via="bayes", samples=4).reshape(40, 20, 2)
        found += [
            np.sqrt(np.mean((by_bayes - classes[:, None]) ** 2)),
            np.sqrt(np.mean((own.transform(X) - latents) ** 2)),
        ]
    assert near[0] < 0.03 < far[0]
    assert near[1] < 0.03 < far[1]


@pytest.mark.parametrize(
    ("model", "method"),
    [("m1", "refined"), *(pytest.param("m1_m2", name, marks=SLOW) for name in ("refined", "iterative"))],
)
def test_a_row_is_predicted_alone_as_among_others(model, method):
    """Other methods predict from these two; classes of more than 2048 rows are computed by XLA."""
    own, order = fitted(model, method), RNG.permutation(40)
    for function, rows in ((own.predict_proba, 2100), (own.transform, 580)):
        whole = function(X)
        np.testing.assert_allclose(function(X[order]), whole[order], rtol=1e-4, atol=1e-6)
        for i in (0, 17):
            np.testing.assert_allclose(function(X[i : i + 1])[0], whole[i], rtol=1e-4, atol=1e-6)
        many = function(np.resize(X, (rows, 3)))
        for part, alone in ((many[:40], whole), (many[-20:], whole[:20])):  # of the first chunk and of the last
            np.testing.assert_allclose(part, alone, rtol=1e-3, atol=1e-4)


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
def test_fits_do_not_depend_on_the_engine(method, monkeypatch):
    """Of several levels; M1's are below, a step of M2 by each method is in tests/backend/test_engine.py."""
    monkeypatch.setattr(loop, "POOL", Pool())  # what XLA compiled is large, and no other test wants it
    compiled = estimator("hierarchical", method, engine="xla").fit(X, Y)
    np.testing.assert_allclose(compiled.history_["loss"], fitted("hierarchical", method).history_["loss"], rtol=1e-3)


@SLOW
@pytest.mark.parametrize(
    "settings", [{}, {"line_search": True, "samples": 4}, {"encoder": "through", "samples": 1}], ids=str
)
def test_fits_of_many_steps_do_not_depend_on_the_engine(settings, monkeypatch):
    """More steps than are written out are a loop inside the loop of training, unless they are differentiated."""
    monkeypatch.setattr("ssvae.inference.ascent.UNROLLED", 1)
    monkeypatch.setattr(loop, "POOL", Pool())
    inference = {"name": "gradient_refined", "steps": 3, "rate": 0.3, "warm_start": 0.0, **settings}
    losses = []
    for engine in ("graph", "xla"):
        own = estimator("m1", "refined", epochs=2, engine=engine).set_params(inference=inference)
        losses.append(own.fit(X, Y).history_["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-3)
