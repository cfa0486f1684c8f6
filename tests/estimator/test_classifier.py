"""The estimator: what goes in, what comes out, and what decides it. Bad input is in test_classifier_errors.py."""

import copy
import io
import pickle
import random

import joblib
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.special import logsumexp, softmax
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ssvae import SSVAEClassifier, prediction
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.poisson import Poisson
from ssvae.models.m2 import M2

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.4, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
TRUTH = np.repeat([0, 1], 20)
Y = np.where(np.arange(40) % 4 == 0, TRUTH, -1)
BINARY = (X > 0).astype(np.float32)
M2_SMALL = {"name": "m2", "latent": 2, "hidden": [4]}
STACK = {"name": "m1_m2", "latent": 2, "hidden": [4], "m1": {"hidden": [4]}, "threshold": 0.0}
PRIOR = [0.8, 0.2]
M1_SMALL = {"name": "m1", "latent": 2, "hidden": [4]}


def classifier(model=None, **settings) -> SSVAEClassifier:
    arguments = {
        "epochs": 3,
        "batch_size": 10,
        "learning_rate": 3e-3,
        "regularizers": (),
        "random_state": 0,
        **settings,
    }
    return SSVAEClassifier(model or M2_SMALL, **arguments)


def shaken(net, scale) -> None:
    """Move the weights of a network of a fitted model, so that classes differ by more than noise."""
    rng = np.random.default_rng(2)
    for weight in net.trainable_weights:
        weight.assign(np.array(weight) + rng.normal(0.0, scale, weight.shape))


def network(mlp, *parts) -> np.ndarray:
    """Return the outputs of an MLP of softplus layers, in double precision from its weights."""
    weights = [np.asarray(weight, np.float64) for weight in (*mlp.first, *mlp.kernels)]
    biases = [np.asarray(bias, np.float64) for bias in mlp.biases]
    h = biases[0] + sum(part @ weight for part, weight in zip(parts, weights, strict=False))
    for weight, bias in zip(weights[len(parts) :], biases[1:], strict=True):
        h = np.logaddexp(0, h) @ weight + bias
    return h


def log_gaussian(value, h) -> np.ndarray:
    """Return log N(value; mean, log-variance) of the Gaussian likelihood, whose log-variances are above -6."""
    mean, log_variance = np.split(h, 2, axis=-1)
    return norm.logpdf(value, mean, np.exp((np.logaddexp(0, log_variance + 6.0) - 6.0) / 2)).sum(axis=-1)


@pytest.fixture(scope="module")
def fitted() -> SSVAEClassifier:
    return classifier(epochs=60, learning_rate=2e-2).fit(X, Y)


@pytest.fixture(scope="module")
def stack() -> SSVAEClassifier:
    return classifier(STACK).fit(X, Y)


def test_learns_blobs(fitted):
    assert fitted.score(X, TRUTH) > 0.9
    assert fitted.predict(X).dtype == Y.dtype
    assert fitted.score(X, Y) == np.mean(fitted.predict(X[::4]) == TRUTH[::4])  # labelled rows only


def test_probabilities_are_of_the_encoder(fitted):
    found = fitted.predict_proba(X)
    logits = fitted.model_.classify(fitted.preprocessing_.transform(X)).numpy().astype(float)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert found.dtype == np.float64
    assert found.max() > 0.9


def test_probabilities_by_bayes_rule():
    """p(y) p(x | y) normalised: here by importance sampling in numpy, with weights drawn at random."""
    own = classifier({**M2_SMALL, "activation": "softplus", "prior": PRIOR}, epochs=1).fit(X, Y)
    shaken(own.model_.decoder, 0.5)
    rows = np.repeat(X[:8], 20, axis=0)
    found = own.predict_proba(rows, via="bayes", samples=1000)
    x, rng, scores = own.preprocessing_.transform(X[:8]).astype(float), np.random.default_rng(1), []
    for k in range(2):
        y = np.eye(2)[[k]]
        mean, log_variance = np.split(network(own.model_.encoder, x, y), 2, axis=1)
        z = mean + np.exp(log_variance / 2) * rng.normal(size=(20_000, 8, 2))
        log_q = norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(axis=-1)
        log_joint = log_gaussian(x, network(own.model_.decoder, z, y)) + norm.logpdf(z).sum(axis=-1)
        scores.append(logsumexp(log_joint - log_q, axis=0) + np.log(PRIOR[k]))
    expected = softmax(np.array(scores).T, axis=1)
    assert np.abs(expected - PRIOR).max() > 0.1
    np.testing.assert_allclose(found.reshape(8, 20, 2).mean(axis=1), expected, atol=0.015)
    np.testing.assert_array_equal(found, own.predict_proba(rows, via="bayes", samples=1000))
    np.testing.assert_array_equal(found, own.predict_proba(rows, via="bayes_at_mean", samples=1000))  # no stack


def test_stack_by_bayes_rule():
    """By sums over a grid of z1, where M2's decoder reads the class alone; test_prediction_by_bayes.py has z2."""
    lower = {"hidden": [4], "activation": "softplus"}
    own = classifier({**STACK, "m1": lower, "activation": "softplus", "prior": PRIOR}, epochs=1).fit(X, Y)
    lower, upper, selection = own.model_.first, own.model_.second, own.model_.selection
    upper.decoder.first[0].assign(np.zeros((2, 4)))
    upper.decoder.first[1].assign([[3.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]])
    upper.decoder.kernels[-1].assign([[0.5, -0.2, 0.1, -0.3], [-0.4, 0.6, -0.3, 0.0], *np.zeros((2, 4))])
    for net in (lower.encoder, upper.encoder):  # wider than the posteriors, as weights need it
        net.biases[-1].assign([0.0, 0.0, 1.0, 1.0])
    grid = np.linspace(-9.0, 9.0, 201)
    z1 = np.stack(np.meshgrid(grid, grid), axis=-1)[:, :, None]  # [z, z, 1, 2]
    u = (z1 - np.array(selection.shift, float)) / np.array(selection.scale, float)
    rows = np.repeat(X[:6], 30, axis=0)
    log_x = log_gaussian(own.preprocessing_.transform(X[:6]).astype(float), network(lower.decoder, z1))
    log_u = np.array([log_gaussian(u, network(upper.decoder, np.zeros((1, 2)), np.eye(2)[[k]])) for k in range(2)])
    expected = softmax(logsumexp(log_x + log_u, axis=(1, 2)).T + np.log(PRIOR), axis=1)
    found, at_mean = (
        own.predict_proba(rows, via=via, samples=1000).reshape(6, 30, 2).mean(axis=1)
        for via in ("bayes", "bayes_at_mean")
    )
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert np.abs(expected - PRIOR).max() > 0.04
    assert np.abs(at_mean - expected).max() > 0.04


@pytest.mark.parametrize("samples", [0, -3, 2.5])
def test_bayes_rule_needs_a_number_of_samples(fitted, samples):
    with pytest.raises(ValueError, match="samples must be an integer >= 1"):
        fitted.predict_proba(X, via="bayes", samples=samples)


@pytest.mark.parametrize("name", ["fitted", "stack"])
def test_shapes_and_units(name, request):
    own = request.getfixturevalue(name)
    assert own.transform(X).shape == (40, 2)
    assert own.transform(X).dtype == np.float32
    assert own.get_feature_names_out().tolist() == ["z0", "z1"]
    assert own.bound(X).shape == (40,)
    assert own.reconstruct(X).shape == X.shape
    assert own.analogies(X[:6]).shape == (6, 2, 3)
    assert own.sample(5).shape == (5, 3)
    assert own.sample(5, y=1, random_state=0).shape == (5, 3)
    assert own.n_iter_ == len(own.history_["loss"])
    assert set(own.history_["stage"]) == ({"m2"} if name == "fitted" else {"m1", "m2"})


def test_transform_of_m2_averages_over_classes(fitted):
    x = fitted.preprocessing_.transform(X)
    means = [fitted.model_.posterior_means(x, np.tile(y, (40, 1)))["z"] for y in np.eye(2, dtype=np.float32)]
    expected = np.einsum("bk,kbz->bz", fitted.predict_proba(X), np.array(means))
    np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-5)


def test_analogies_and_samples_follow_the_class(fitted):
    own = fitted.analogies(X, TRUTH)
    np.testing.assert_allclose(own[np.arange(40), fitted.predict(X)], fitted.reconstruct(X), atol=1e-4)
    assert np.linalg.norm(own[:, 1].mean(axis=0) - own[:, 0].mean(axis=0)) > 0.5
    np.testing.assert_array_equal(fitted.analogies(X[:3], [1, 0, 1])[0], fitted.analogies(X[:1], [1])[0])
    drawn = fitted.sample(200, y=np.repeat([0, 1], 100), random_state=3)
    assert drawn[100:].mean() - drawn[:100].mean() > 0.5
    np.testing.assert_array_equal(drawn, fitted.sample(200, y=np.repeat([0, 1], 100), random_state=3))


def test_m1_carries_a_classifier_on_its_features():
    own = classifier({**M1_SMALL, "classifier": "knn"}).fit(X, Y)
    assert own.predict(X).shape == (40,)
    assert set(own.predict(X)) <= {0, 1}
    assert own.bound(X).shape == (40,)
    assert own.sample(4).shape == (4, 3)
    for call in (lambda: own.predict_proba(X, via="bayes"), lambda: own.analogies(X)):
        with pytest.raises(ValueError, match="with classes"):
            call()


@pytest.mark.parametrize(
    "y",
    [
        np.where(Y == -1, "-1", np.array(["no", "yes"])[TRUTH]),
        np.array([["no", "yes"][k] if known >= 0 else None for k, known in zip(TRUTH, Y, strict=True)], object),
        pd.Series(np.where(Y == -1, None, np.array(["no", "yes"], object)[TRUTH])).astype("category"),
    ],
    ids=["text", "object", "category"],
)
def test_labels_are_names(y):
    own = classifier().fit(X, y)
    assert own.classes_.tolist() == ["no", "yes"]
    assert set(own.predict(X)) <= {"no", "yes"}
    np.testing.assert_array_equal(own.predict_proba(X), classifier().fit(X, Y).predict_proba(X))
    assert own.sample(2, y="yes", random_state=0).shape == (2, 3)


def test_frames_are_taken_and_named(fitted):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    own = classifier().fit(frame, pd.Series(Y))
    assert own.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(own.predict_proba(frame), classifier().fit(X, Y).predict_proba(X))
    assert own.score(frame, pd.Series(Y)) == pytest.approx(own.score(frame.iloc[::4], TRUTH[::4]))
    np.testing.assert_array_equal(own.predict_proba(frame[["b", "a", "c"]]), own.predict_proba(frame))  # by name
    with pytest.raises(ValueError, match="missing:\\n- c"):
        own.predict(frame[["b", "a"]])


def test_copies_are_the_same(fitted, stack):
    for own in (fitted, stack):
        buffer = io.BytesIO()
        joblib.dump(own, buffer)
        buffer.seek(0)
        for twin in (pickle.loads(pickle.dumps(own)), copy.deepcopy(own), joblib.load(buffer)):
            np.testing.assert_array_equal(twin.predict_proba(X), own.predict_proba(X))
            np.testing.assert_array_equal(twin.bound(X), own.bound(X))
    again = clone(fitted).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X)


def test_pipeline_and_grid_search_leave_unlabelled_rows_out_of_the_score():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classifier(epochs=40, learning_rate=2e-2)),
        {"ssvaeclassifier__alpha": [0.1, 1.0]},
        cv=2,
        n_jobs=1,
        error_score="raise",
    ).fit(X, Y)
    assert search.best_score_ > 0.8  # 10 of 40 rows are labelled: counting the others as errors gives at most 0.25
    assert search.predict(X).shape == (40,)


def test_random_state_decides_everything_and_nothing_else_moves():
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 (the state that must not move)
    tf.random.set_seed(5)
    before = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = (classifier(random_state=s).fit(X, Y) for s in (1, 1, 2))
    assert random.getstate() == before[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    drawn = tf.random.uniform([3])
    tf.random.set_seed(5)
    np.testing.assert_array_equal(drawn, tf.random.uniform([3]))
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert (first.predict_proba(X) != other.predict_proba(X)).any()
    state = np.random.RandomState(3)
    assert (
        classifier(random_state=state).fit(X, Y).bound(X) != classifier(random_state=state).fit(X, Y).bound(X)
    ).any()
    assert (classifier(random_state=None).fit(X, Y).bound(X) != classifier(random_state=None).fit(X, Y).bound(X)).any()


@pytest.mark.parametrize(
    ("x", "likelihood", "preprocessing"),
    [
        (BINARY, "Bernoulli", "Identity"),
        (np.round(np.clip(X + 0.5, 0, 1) * 255) / 255, "Bernoulli", "Identity"),
        (np.clip(X + 0.5, 0, 1), "Gaussian", "Standardize"),
        (X, "Gaussian", "Standardize"),
        (BINARY * 2, "Gaussian", "Standardize"),
    ],
    ids=["binary", "grey", "between 0 and 1", "real", "two values"],
)
def test_auto_reads_the_data(x, likelihood, preprocessing):
    own = classifier(epochs=1).fit(x, Y)
    assert (type(own.likelihood_).__name__, type(own.preprocessing_).__name__) == (likelihood, preprocessing)


def test_slots_take_names_dicts_and_objects():
    by_name = classifier(likelihood="bernoulli").fit(BINARY, Y)
    by_dict = classifier(likelihood={"name": "bernoulli", "resample": True}).fit(BINARY, Y)
    by_object = classifier(likelihood=Bernoulli()).fit(BINARY, Y)
    model = classifier(M2(3, 2, Bernoulli(), latent=2, hidden=[4])).fit(BINARY, Y)
    for own in (by_dict, by_object, model):
        np.testing.assert_array_equal(own.predict_proba(BINARY), by_name.predict_proba(BINARY))
    assert by_object.get_params()["likelihood"] is by_object.likelihood


def test_a_model_that_is_handed_in_brings_its_likelihood():
    counts = np.random.default_rng(0).poisson(5.0, (40, 3)).astype(np.float32)
    own = classifier(M2(3, 2, Poisson(), latent=2, hidden=[4])).fit(counts, Y)
    assert own.likelihood_ == own.model_.likelihood == Poisson()
    np.testing.assert_array_equal(
        own.predict_proba(counts), classifier(likelihood="poisson").fit(counts, Y).predict_proba(counts)
    )


def test_bound_is_in_the_units_of_x():
    """p(10 x) = p(x) / 10 a column: standardised columns are the same, the log-Jacobian is not."""
    plain, scaled = classifier().fit(X, Y), classifier().fit(10 * X, Y)
    np.testing.assert_allclose(scaled.bound(10 * X), plain.bound(X) - 3 * np.log(10), atol=1e-3)
    own = np.log(X.std(axis=0, dtype=float)).sum()
    inner = prediction.over_rows(
        plain.model_, prediction.bound, plain.preprocessing_.transform(X), objective=plain.objective_
    )
    np.testing.assert_allclose(plain.bound(X), inner - own, atol=1e-4)


def test_rows_of_weight_zero_are_left_out():
    weight = np.where(np.arange(40) < 30, 1.0, 0.0)
    np.testing.assert_array_equal(
        classifier().fit(X, Y, sample_weight=weight).predict_proba(X),
        classifier().fit(X[:30], Y[:30]).predict_proba(X),
    )
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        classifier().fit(X, Y, sample_weight=-weight)


def test_a_belief_network_learns_from_rows_on_disk(tmp_path):
    x = (np.random.default_rng(0).random((40, 6)) < 0.5).astype(np.float32)
    y = np.where(np.arange(40) < 20, np.arange(40) % 2, -1)
    np.save(tmp_path / "x.npy", x)
    sbn = SSVAEClassifier({"name": "sbn", "latent": [4]}, epochs=1, regularizers=(), random_state=0)
    in_memory, on_disk = clone(sbn).fit(x, y), sbn.fit(tmp_path / "x.npy", y)
    np.testing.assert_allclose(on_disk.predict_proba(x), in_memory.predict_proba(x), atol=1e-4)
