"""log p(x) by importance sampling, against quadrature and against sums in double precision."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logsumexp

from ssvae import SSVAEClassifier, prediction
from ssvae.backend import random
from ssvae.evaluation import log_likelihood
from ssvae.evaluation.metrics import binarisation, evaluate
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.score_function import ScoreFunction
from ssvae.inference.amortized import Amortized
from ssvae.inference.evidence import log_weights
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.likelihoods.base import combinations
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models import MODELS
from ssvae.models.capabilities import HasDensity
from ssvae.models.m1 import M1
from ssvae.models.m1_m2 import M1M2
from ssvae.models.m2 import M2
from ssvae.objective import Objective

D, K = 4, 3
RNG = np.random.default_rng(0)
X = (RNG.uniform(size=(8, D)) < 0.5).astype(np.float32)
GRID = np.linspace(-8.0, 8.0, 401, dtype=np.float32)
LOG_CELL = np.log(GRID[1] - GRID[0])
EVERY = tf.eye(K)[:, tf.newaxis, :]


def bent(model, scale=1.0):
    """Make weights large, so that posteriors are not Gaussian; but the encoders', so that q stays as wide as p(z)."""
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        if "encoder" not in weight.path:
            weight.assign(np.array(weight) + rng.normal(0.0, scale, weight.shape))
    return model


def m1(**settings):
    return bent(M1(D, Bernoulli(), **{"latent": 1, "hidden": [5], **settings}))


def on_grid(joint, values):
    """log p(values, x | y), for x [1 or N, 1..., D] that broadcast with the values."""
    return sum(
        np.array((p(values) if callable(p) and not hasattr(p, "log_prob") else p).log_prob(values[name]))
        for name, p in joint.items()
    )


def log_p_m1(model, y=None):
    found = [on_grid(model.joint(y), {"z": GRID[:, None], "x": x}) for x in X]
    return logsumexp(np.array(found), axis=1) + LOG_CELL


def log_p_m2(model):
    classes = [log_p_m1(model, tf.one_hot([k], K)) for k in range(K)]
    return logsumexp(np.array(classes) + np.array(model.log_class_prior())[:, None], axis=0)


def log_p_m1_m2(model):
    z1, z2 = np.meshgrid(GRID[::4], GRID[::4])
    values = {"z1": z1.reshape(-1, 1), "z2": z2.reshape(-1, 1)}
    found = [[on_grid(model.joint(tf.one_hot([k], K)), {**values, "x": x}) for x in X] for k in range(K)]
    classes = logsumexp(np.array(found), axis=2) + 2.0 * (LOG_CELL + np.log(4.0))
    return logsumexp(classes + np.array(model.log_class_prior())[:, None], axis=0)


MADE = {
    "m1": (m1, log_p_m1),
    "m2": (lambda: bent(M2(D, K, Bernoulli(), latent=1, hidden=[5], prior=[2.0, 1.0, 1.0])), log_p_m2),
    "m1_m2": (
        lambda: bent(M1M2(D, K, Bernoulli(), Gaussian(), latent=1, hidden=[5], m1={"hidden": [5]}), scale=0.3),
        log_p_m1_m2,
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_estimate_is_the_integral_by_quadrature(name):
    make, by_quadrature = MADE[name]
    model, samples = make(), 20_000
    found = log_likelihood.estimate(model, X, samples, Amortized(), seed=1)
    error = np.sqrt(1.0 / found.effective - 1.0 / samples)  # of log p, by the weights' own variance
    assert (found.effective > 100).all(), "the comparison says nothing"
    assert (np.abs(found.log_p - by_quadrature(model)) < 5.0 * error + 1e-4).all()
    assert (found.bound < found.log_p + 5.0 * error).all()


@pytest.mark.parametrize(("samples", "block"), [(5000, 5000), (5000, 77), (500, 1), (1, 1), (3, 2)])
def test_sums_in_blocks_are_those_in_double_precision(samples, block):
    classes = 2
    weights = RNG.normal(-12_000.0, 8.0, size=(samples, classes, 3)).astype(np.float32)
    log_prior = np.log(np.array([0.3, 0.7], np.float32))
    sums = log_likelihood._Sums.start(tf.zeros([3, D]), tf.constant(log_prior))
    for start in range(0, samples, block):
        some = np.full((block, classes, 3), 9e9, np.float32)  # draws beyond the last one would be seen
        some[: samples - start] = weights[start : start + block]
        sums = sums.with_draws(tf.constant(some), tf.constant(log_prior), tf.constant(start), samples)
    joint = logsumexp(weights.astype(float) + log_prior[:, None], axis=1)
    bound = logsumexp(weights.mean(axis=0, dtype=float) + log_prior[:, None], axis=0)
    effective = np.exp(2.0 * logsumexp(joint, axis=0) - logsumexp(2.0 * joint, axis=0))
    log_p, mean, size = np.array(sums.result(tf.constant(log_prior), samples)).T
    np.testing.assert_allclose(log_p, logsumexp(joint, axis=0) - np.log(samples), rtol=3e-7)
    np.testing.assert_allclose(mean, bound, rtol=3e-7)
    np.testing.assert_allclose(size, effective, rtol=5e-3)  # weights of 12,000 nats have three decimals in float32


def test_every_number_of_draws_is_a_beginning_of_the_same_draws():
    model, seed, counts, block = m1(latent=2), random.seed_tensor(3), (1, 2, 5, 7), 3
    parameters = model.encode(X)
    draws = [log_weights(model, parameters, X, None, block, random.fold(seed, start)) for start in (0, 3, 6)]
    weights = np.concatenate(draws).astype(float)
    found = np.array(log_likelihood.Target(model, tf.constant(X)).weighed(parameters, counts, block, seed))
    for position, count in enumerate(counts):
        log_p, bound, effective = found[:, position].T
        first = weights[:count]
        np.testing.assert_allclose(log_p, logsumexp(first, axis=0) - np.log(count), rtol=1e-5)
        np.testing.assert_allclose(bound, first.mean(axis=0), rtol=1e-5)
        expected = np.exp(2 * logsumexp(first, axis=0) - logsumexp(2 * first, axis=0))
        np.testing.assert_allclose(effective, expected, rtol=1e-3)


def test_the_cut_of_the_work_changes_nothing_beyond_noise(monkeypatch):
    model = m1()
    whole = log_likelihood.estimate(model, X, 4000, Amortized())
    for numbers, samples in ((5 * 64, 4000), (5 * 8 * 300, 4001)):
        monkeypatch.setattr(log_likelihood, "NUMBERS", numbers)
        assert 1 <= log_likelihood.cut(model, len(X), samples).block < samples
        cut = log_likelihood.estimate(model, X, samples, Amortized())
        error = np.sqrt(1.0 / whole.effective + 1.0 / cut.effective)
        assert (np.abs(cut.log_p - whole.log_p) < 5.0 * error).all()


def test_one_draw_is_the_bound():
    found = log_likelihood.estimate(m1(), X, 1, Amortized())
    np.testing.assert_allclose(found.log_p, found.bound, rtol=1e-6)
    np.testing.assert_allclose(found.effective, 1.0, rtol=1e-6)


@pytest.mark.parametrize("samples", [10, 5000, 1_000_000])
@pytest.mark.parametrize(
    ("rows", "width", "classes"), [(10_000, 784, 1), (10_000, 784, 10), (3, 784, 1), (70, 50, 1000)]
)
def test_no_layer_is_larger_than_the_memory_it_may_have(samples, rows, width, classes):
    model = M1(width, Bernoulli(), latent=2, hidden=[7])
    plan = log_likelihood.cut(model, rows, samples, classes)
    assert plan.rows * plan.block * classes * width <= log_likelihood.NUMBERS
    assert 1 <= plan.block <= samples
    assert plan.rows <= max(4, rows)
    blocks = -(-samples // plan.block)
    assert plan.rows * (plan.block * blocks - samples) <= plan.rows * blocks  # not many draws too many


def test_a_refined_posterior_needs_fewer_draws():
    model = m1()
    plain, refined = (
        log_likelihood.estimate(model, X, 4000, inference)
        for inference in (Amortized(), GradientRefined(steps=60, samples=10, rate=0.1))
    )
    assert refined.effective.mean() > 1.2 * plain.effective.mean()
    assert refined.bound.mean() > plain.bound.mean()
    assert log_likelihood.steps(GradientRefined(steps=60, test_steps=7)) == 7
    assert log_likelihood.steps(Amortized()) == 0


@pytest.mark.parametrize("name", MODELS.names())
def test_log_p_is_above_the_bound_of_every_model_and_sums_to_one(name):
    context = {"features": D, "classes": K, "likelihood": Bernoulli(), "latent_likelihood": Gaussian()}
    small = {"latent": 2, "hidden": 4} if name != "supervised" else {}
    model = bent(MODELS.build({"name": name, **small}, **context), scale=0.3)
    if not isinstance(model, HasDensity):
        return
    if name == "m1_m2":  # bent, its p(z1 | y, z2) would have tails that no q(z1 | x) reaches
        model.second.reset(np.random.default_rng(0))
        model.first.encoder.biases[-1].assign([0.0, 0.0, 1.5, 1.5])
    objective = Objective(Amortized(), ScoreFunction() if model.binary else Pathwise(), Enumeration())
    every, samples = combinations([0.0, 1.0], D), 3000
    rows = np.repeat(every, 8, axis=0)
    bounds = prediction.over_rows(model, prediction.bound, rows, objective=objective).reshape(len(every), -1)
    found = log_likelihood.estimate(model, every, samples, Amortized())
    error = np.sqrt(bounds.var(axis=1).mean() / bounds.size)
    assert found.log_p.mean() > bounds.mean() - 5.0 * error
    # Four binary pixels have 16 values: an estimate that is too high, or too low, does not sum to one.
    noise = np.sqrt((np.exp(2.0 * found.log_p) * (1.0 / found.effective - 1.0 / samples)).sum())
    assert noise < 0.03, "the sum says nothing"
    assert np.exp(found.log_p).sum() == pytest.approx(1.0, abs=5.0 * noise + 1e-4)


@pytest.fixture(scope="module")
def fitted():
    grey = np.random.default_rng(0).uniform(size=(30, D)).astype(np.float32)
    settings = {"likelihood": "bernoulli", "epochs": 1, "regularizers": [], "engine": "graph", "random_state": 0}
    model = {"name": "m2", "latent": 2, "hidden": [4]}
    return SSVAEClassifier(model, **settings).fit(grey, np.arange(30) % K), grey


def test_of_a_classifier(fitted):
    classifier, x = fitted
    found = classifier.log_evidence(x, samples=200, random_state=3)
    seen = log_likelihood.observed(classifier.model_, x, 3)
    expected = log_likelihood.estimate(classifier.model_, seen, 200, classifier.objective_.inference, 3).log_p
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(found, classifier.log_evidence(x, samples=200, random_state=3))
    assert (found != classifier.log_evidence(x, samples=200, random_state=4)).any()
    refined = classifier.log_evidence(x, 200, 3, inference={"name": "gradient_refined", "test_steps": 5})
    assert np.abs(refined - found).mean() < 0.5
    assert found.mean() > np.mean([classifier.bound(x, random_state=3) for _ in range(2)])
    with pytest.raises(ValueError, match="samples must be an integer >= 1, got 0"):
        classifier.log_evidence(x, samples=0)


def test_rows_are_binarised_once_and_as_bound_does(fitted):
    classifier, x = fitted
    seen = log_likelihood.observed(classifier.model_, x, 3)
    assert set(np.unique(seen)) == {0.0, 1.0}
    padded = np.zeros((prediction.CHUNK, D), np.float32)
    padded[: len(x)] = x
    key = random.fold(random.fold(random.seed_tensor(3), 0), 0)  # of the first chunk, of `prediction.bound` in it
    np.testing.assert_array_equal(seen, classifier.model_.likelihood.observe(padded, key)[: len(x)])


def test_units_of_x():
    """Of rows ten times as large the density is ten times smaller in each column."""
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    settings = {"epochs": 1, "regularizers": [], "engine": "graph", "random_state": 0, "preprocessing": "standardize"}
    settings |= {"model": {"name": "m1", "latent": 2, "hidden": [4], "classifier": "knn"}, "likelihood": "gaussian"}
    small, large = (SSVAEClassifier(**settings).fit(f * x, np.arange(40) % 2).log_evidence(f * x) for f in (1.0, 10.0))
    np.testing.assert_allclose(large, small - 3.0 * np.log(10.0), atol=2e-3)


def test_evaluation_says_how_log_p_was_measured(fitted):
    classifier, x = fitted
    told = []
    numbers = evaluate(classifier, x, np.arange(30) % K, log_p=50, progress=lambda *how: told.append(how))
    assert numbers["log_p"] == pytest.approx(classifier.log_evidence(x, 50).mean())
    assert told == [(30, 30)]
    kept = {key: numbers[key] for key in ("log_p_samples", "steps", "binarisation")}
    assert kept == {"log_p_samples": 50, "steps": 0, "binarisation": "resampled once"}
    assert "log_p" not in evaluate(classifier, x, np.arange(30) % K)
    assert binarisation(classifier, (x > 0.5).astype(np.float32)) == "as they are"


def test_a_model_without_density_has_no_log_p():
    settings = {"epochs": 1, "regularizers": [], "engine": "graph"}
    classifier = SSVAEClassifier("supervised", **settings).fit(expit(RNG.normal(size=(9, D))), np.arange(9) % K)
    for ask in (classifier.log_evidence, classifier.elbo_gap):
        with pytest.raises(ValueError, match="needs a generative model"):
            ask(X)
    with pytest.raises(ValueError, match="log p needs a generative model"):
        evaluate(classifier, X, np.arange(8) % K, log_p=5)
