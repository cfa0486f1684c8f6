"""Local optima and gaps, on models whose posterior is known in closed form; what a report says of them."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

from ssvae import SSVAEClassifier, prediction
from ssvae.backend import random
from ssvae.evaluation import inference_gap
from ssvae.evaluation.inference_gap import Layout, gaps
from ssvae.evaluation.inference_gap_report import About, GapReport
from ssvae.evaluation.local_optimum import local_optimum
from ssvae.evaluation.log_likelihood import Estimate
from ssvae.inference.amortized import Amortized
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.hierarchical import Hierarchical
from ssvae.models.m1 import M1
from ssvae.plots import gap_figures

D, Z = 3, 2
TRIED = (1, 20)
SEED = random.seed_tensor(1)
RNG = np.random.default_rng(0)
LOADING = RNG.normal(size=(Z, D)).astype(np.float32)
LOG_VARIANCE = np.float32(-0.7)
X = RNG.normal(size=(40, D)).astype(np.float32)
PRECISION = np.eye(Z) + LOADING @ LOADING.T / np.exp(LOG_VARIANCE)  # of p(z | x)
GAIN = np.linalg.inv(PRECISION) @ LOADING / np.exp(LOG_VARIANCE)
EVIDENCE = multivariate_normal(np.zeros(D), LOADING.T @ LOADING + np.exp(LOG_VARIANCE) * np.eye(D)).logpdf(X)
# KL of the best diagonal q, N(mean, 1 / diag(precision)), from p(z | x)
APPROXIMATION = 0.5 * (np.log(np.diag(PRECISION)).sum() - np.linalg.slogdet(PRECISION)[1])
BEST = np.concatenate([X @ GAIN.T, np.tile(-np.log(np.diag(PRECISION)), (len(X), 1))], axis=1)


def linear(error=0.4, wider=0.8):
    """M1 with affine networks and one variance, x ~ N(W z, s² I): its q is off the best one by `error` and `wider`."""
    likelihood = Gaussian(floor=-6.0)
    model = M1(D, likelihood, latent=Z, hidden=())
    model.encoder.first[0].assign(np.concatenate([GAIN.T, np.zeros((D, Z))], axis=1))
    model.encoder.biases[0].assign(np.concatenate([np.full(Z, error), BEST[0, Z:] + wider]))
    model.decoder.first[0].assign(np.concatenate([LOADING, np.zeros((Z, D))], axis=1))
    above = np.log(np.expm1(LOG_VARIANCE - likelihood.floor)) + likelihood.floor  # the softplus undone
    model.decoder.biases[0].assign(np.concatenate([np.zeros(D), np.full(D, above)]))
    return model


def amortisation(error=0.4, wider=0.8):
    """ELBO of the best diagonal q less that of the encoder's: their KL from p(z | x) differ by this."""
    return 0.5 * (error**2 * PRECISION.sum() + Z * (np.exp(wider) - 1.0 - wider))


def optimum(model, rows, steps=500, **settings):
    @tf.function(autograph=False)
    def climb(x):
        return local_optimum(model, model.encode(x, None), x, None, steps, prediction.FIXED_SEED, **settings)

    return climb(tf.constant(rows))


@pytest.fixture(autouse=True)
def few_are_tried(monkeypatch):
    """Tracing a step of refinement, or the measurement by some number of draws, takes a quarter of a second."""
    monkeypatch.setattr(inference_gap, "STEPS", TRIED)
    monkeypatch.setattr(inference_gap, "COUNTS", (10,))


def measured(model, inference=None, samples=400, steps=300):
    return gaps(model, X, None, About("log p(x)", samples, steps, 0), inference or Amortized())


def test_affine_networks_are_the_linear_gaussian_model():
    model = linear(error=0.0, wider=0.0)
    np.testing.assert_allclose(model.encode(X)["z"], BEST, atol=1e-5)
    p = model.joint()["x"]({"z": tf.ones([1, Z])})
    np.testing.assert_allclose(p.mean(), LOADING.sum(axis=0, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(p.variance(), np.exp(LOG_VARIANCE), rtol=1e-4)


def test_local_optimum_is_the_best_diagonal_posterior():
    found = np.array(optimum(linear(), X)["z"])
    np.testing.assert_allclose(found, BEST, atol=0.05)


def test_local_optimum_of_a_row_depends_on_no_other_row_and_no_place():
    model = linear()
    whole = np.array(optimum(model, X, 30)["z"])
    np.testing.assert_allclose(optimum(model, X[7:8], 30)["z"], whole[7:8], atol=1e-5)
    np.testing.assert_allclose(optimum(model, X[::-1], 30)["z"], whole[::-1], atol=1e-5)


@pytest.mark.parametrize("rate", [30.0, 1e6, np.nan])
def test_a_row_that_got_worse_keeps_its_start(rate):
    model = linear()
    np.testing.assert_array_equal(optimum(model, X, 1, rate=rate)["z"], model.encode(X)["z"])


def test_local_optimum_of_a_hierarchy_raises_its_bound():
    model = Hierarchical(D, Gaussian(), latent=(2, 2), hidden=4, depth=1, top_down="ladder")
    found = optimum(model, X, 50)
    assert {name: value.shape for name, value in found.items()} == {"z1": (40, 4), "z2": (40, 4)}
    objective = RefinementObjective(model, X, None, 100)
    gain = np.array(objective.bound(found, SEED) - objective.bound(model.encode(X), SEED))
    assert gain.mean() > 5.0 * gain.std() / np.sqrt(len(X))
    assert Layout.of(model, X, None).latents == (("z1", 4), ("z2", 4))


def test_gaps_are_those_in_closed_form():
    report = measured(linear())
    for found, truth in (
        (report.amortisation, amortisation()),
        (report.approximation, APPROXIMATION),
        (report.local.log_p, EVIDENCE),
        (report.local.bound, EVIDENCE - APPROXIMATION),
    ):
        error = (found - truth).std() / np.sqrt(len(X))
        assert abs((found - truth).mean()) < 5.0 * error + 0.005
    np.testing.assert_array_equal(report.encoder.bound, report.inference.bound)
    assert report.closed == 0.0
    assert "The limit is the encoder" in report.verdict()
    assert list(report.path) == [0, *TRIED]
    assert report.local.effective.mean() > report.encoder.effective.mean()
    one, several = report.curve[1], report.curve[400]
    np.testing.assert_array_equal(one, [report.encoder.bound, report.local.bound])
    np.testing.assert_array_equal(several, [report.encoder.log_p, report.local.log_p])
    assert (np.diff([both[0].mean() for both in report.curve.values()]) > -0.05).all()


def test_local_optimum_starts_at_the_better_of_two():
    """One step leads nowhere: what is found is the start."""
    found = measured(linear(0.0, 0.0), Elsewhere(), steps=1)
    np.testing.assert_allclose(found.local.bound, found.encoder.bound, atol=0.05)
    assert found.inference.bound.mean() < found.local.bound.mean() - 1.0


class Elsewhere(Amortized):
    """An inference whose λ are far from all others."""

    def infer(self, part, x, y, seed):
        return {name: value + 2.0 for name, value in part.encode(x, y).items()}


def test_a_refined_posterior_closes_the_gap():
    report = measured(linear(), GradientRefined(steps=40, samples=20, rate=0.2), steps=100)
    assert 0.9 < report.closed < 1.1
    assert report.remaining.mean() < 0.1 * report.amortisation.mean()


def test_offset_and_progress():
    told, model = [], linear()
    arguments = (model, X, None, About("log p(x)", 20, 5, 0), Amortized())
    plain, moved = gaps(*arguments), gaps(*arguments, offset=np.arange(40.0), progress=lambda *how: told.append(how))
    for name in ("log_p", "bound"):
        np.testing.assert_allclose(getattr(moved.local, name), getattr(plain.local, name) + np.arange(40.0), atol=1e-5)
    np.testing.assert_array_equal(moved.local.effective, plain.local.effective)
    np.testing.assert_allclose(moved.curve[10], plain.curve[10] + np.arange(40.0), atol=1e-5)
    assert told == [(40, 40)]


@pytest.fixture(scope="module")
def stacked():
    x = RNG.uniform(size=(24, 4)).astype(np.float32)
    settings = {"epochs": 1, "regularizers": [], "engine": "graph", "random_state": 0}
    small = {"latent": 2, "hidden": [4]}
    models = {"m2": {"name": "m2", **small}, "m1_m2": {"name": "m1_m2", **small, "m1": {"hidden": [4]}}}
    return {name: SSVAEClassifier(m, **settings).fit(x, np.arange(24) % 3) for name, m in models.items()}, x


@pytest.mark.parametrize(("name", "words"), [("m2", "log p(x | y), y the most"), ("m1_m2", "log p(x) of M1")])
def test_of_a_classifier(stacked, name, words):
    classifiers, x = stacked
    report = classifiers[name].elbo_gap(x[:5], steps=20, samples=30)
    assert report.about.of.startswith(words)
    assert report.local.bound.shape == (5,)
    assert report.local.bound.mean() > report.encoder.bound.mean() - 0.05
    again = classifiers[name].elbo_gap(x[:5], steps=20, samples=30)
    np.testing.assert_array_equal(report.local.log_p, again.local.log_p)
    with pytest.raises(ValueError, match="samples must be an integer >= 2, got 1"):
        classifiers[name].elbo_gap(x, samples=1)


def made(amortised=2.0, approximate=1.0, left=None, refinement=0, effective=50.0, noise=0.1):
    """Make a report with these mean gaps; gradient refinement closes 1 − 2^(−t) of the first."""
    spread = noise * np.random.default_rng(1).normal(size=100)
    local = Estimate(np.full(100, -90.0), np.full(100, -90.0) - approximate, np.full(100, effective))

    def below(gap):
        return Estimate(local.log_p, local.bound - gap + spread, np.full(100, 10.0))

    inference = below(amortised if left is None else left)
    path = {t: below(amortised * 0.5**t) for t in (0, 1, 5, 20)}
    curve = {1: np.zeros((2, 100)), 500: np.ones((2, 100))}
    return GapReport(About("log p(x)", 500, 300, refinement), below(amortised), inference, local, path, curve)


@pytest.mark.parametrize(
    ("settings", "words", "not_words"),
    [
        (
            {},
            ["Refinement helps", "closes 90 % of it in 5 steps", "The limit is the encoder", "gradient_refined"],
            "draws a row",
        ),
        ({"amortised": 0.1, "noise": 1.0}, ["Refinement is not shown to help"], "closes"),
        ({"left": 3.0, "refinement": 2}, ["The fitted inference ends below its start, in 2 steps"], "of that"),
        ({"amortised": 0.0}, ["Refinement does not help", "The limit is the family of q", "hierarchical"], "closes"),
        ({"amortised": 1.0}, ["helps", "Neither the encoder nor the family"], "The limit is"),
        (
            {"left": 0.1, "refinement": 8},
            ["The fitted inference closes 95 % of that in 8 steps", "The limit is the family"],
            "The limit is the inference",
        ),
        (
            {"left": 1.5, "refinement": 1},
            ["25 % of that in 1 step.", "The limit is the inference", "test_steps"],
            "encoder is",
        ),
        ({"effective": 2.0}, ["Of 500 draws a row only 2.0 have weight"], "Neither"),
    ],
)
def test_verdict(settings, words, not_words):
    verdict = made(**settings).verdict()
    for part in words:
        assert part in verdict
    assert not_words not in verdict


def test_numbers_are_plain():
    numbers = made().numbers()
    assert numbers["amortisation_gap"] == pytest.approx(2.0, abs=0.05)
    assert numbers["amortisation_gap_se"] == pytest.approx(0.01, rel=0.3)
    assert numbers["steps_to_90_percent"] == 5
    assert numbers["by_steps"]["steps"] == [0, 1, 5, 20]
    assert numbers["by_samples"] == {"samples": [1, 500], "encoder": [0.0, 1.0], "local": [0.0, 1.0]}
    assert made(amortised=4.0, approximate=9.0).closed == 0.0


@pytest.mark.parametrize(("draw", "panels"), [("refinement", 2), ("samples", 1), ("overview", 3)])
def test_pictures(draw, panels):
    figure = getattr(gap_figures, draw)(made(refinement=8))
    assert len(figure.axes) == panels
    figure.draw_without_rendering()


def test_the_path_of_refinement_is_that_of_the_same_steps_written_out():
    model = linear()
    layout, refiner = Layout.of(model, X, None), GradientRefined()
    found = inference_gap.refined(model, tf.constant(X), SEED, layout, Amortized(), (1, 3))
    objective, start = RefinementObjective(model, tf.constant(X), None, refiner.test_samples), model.encode(X)
    np.testing.assert_array_equal(found[:, 0], start["z"])
    for position, steps in enumerate((1, 3), start=2):
        expected = refiner.refine(objective, start, steps, prediction.FIXED_SEED, False).parameters["z"]
        np.testing.assert_allclose(found[:, position], expected, atol=1e-5)
