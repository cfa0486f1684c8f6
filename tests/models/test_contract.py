"""What every model of the table keeps to."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from ssvae import prediction
from ssvae.backend import random
from ssvae.backend.compile_cache import copy_of
from ssvae.distributions import given
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.score_function import ScoreFunction
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models import MODELS
from ssvae.models.base import Model, Stage
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, HasDensity, HasLatents
from ssvae.networks.constant import Constant
from ssvae.objective import Objective

D, K, Z = 5, 3, 2
RNG = np.random.default_rng(0)
X = (RNG.uniform(size=(24, D)) < np.eye(K, D)[np.arange(24) % K] * 0.7 + 0.15).astype(np.float32)
Y = np.where(np.arange(24) < 12, np.arange(24) % K, -1)
CONTEXT = {"features": D, "classes": K, "likelihood": Bernoulli(), "latent_likelihood": Gaussian()}
SMALL = {"latent": Z, "hidden": [4]}
OWN = {
    "m1_m2": {"m1": {"hidden": [4]}},
    "hierarchical": {"hidden": 4, "depth": 1},
    "sbn": {"latent": [Z, 3]},
    "fdarn": {"autoregressive": ["latent", "visible", "posterior"]},
    "conditional_sbn": {"classifier_hidden": [4]},
}
OBJECTIVE = Objective(Amortized(), Pathwise(), Enumeration())
BINARY = Objective(Amortized(), ScoreFunction(), Enumeration())


@pytest.fixture(params=MODELS.names())
def name(request):
    return request.param


def encoded_rows(part, rows):
    (only,) = part.encode(tf.constant(rows), None).values()
    return np.array(only)


def build(name, **settings) -> Model:
    allowed = inspect.signature(MODELS.get(name)).parameters
    own = {key: value for key, value in SMALL.items() if key in allowed}
    return MODELS.build({"name": name, **own, **OWN.get(name, {}), **settings}, **CONTEXT)


def outputs(model) -> list[np.ndarray]:
    """Return all that a model computes without drawing."""
    found = [np.array(model(X))]
    if isinstance(model, HasDensity):
        y = tf.one_hot(np.maximum(Y, 0), K)
        found += [np.array(v) for v in model.posterior_means(X, y).values()]
        found.append(np.array(model.decode(model.posterior_means(X, y), y).mean()))
    return found


def equal(first, second) -> None:
    for a, b in zip(outputs(first), outputs(second), strict=True):
        np.testing.assert_array_equal(a, b)


def shifted(model) -> Model:
    """Move every weight, so that a model is told apart from a fresh one."""
    for i, weight in enumerate(model.weights):
        weight.assign(np.array(weight) + 0.01 * (i + 1))
    return model


def test_names_of_posterior_are_those_of_joint(name):
    model = build(name)
    if not isinstance(model, HasDensity):
        return
    y = tf.one_hot(np.maximum(Y, 0), K)
    joint, q = model.joint(y), model.posterior(model.encode(X, y))
    assert list(joint)[-1] == "x"
    assert set(q) | {"x"} == set(joint)
    values = {}
    for variable, conditional in q.items():  # in sampling order: each needs those before it only
        values[variable] = given(conditional, values).sample(seed=random.seed_tensor(0))
        assert given(conditional, values).log_prob(values[variable]).shape == (24,)
    seen = {}
    for variable, conditional in joint.items():  # parents first
        p = given(conditional, seen)
        assert p.log_prob(X if variable == "x" else values[variable]).shape == (24,)
        seen[variable] = values.get(variable)


def test_capabilities(name):
    model = build(name)
    stages = model.stages(X, encoded_rows)
    assert isinstance(next(stages), Stage)
    if isinstance(model, HasClasses):
        assert model.classify(X).shape == (24, K)
    if isinstance(model, HasLatents):
        assert model.latents(X).ndim == 2
    if isinstance(model, GenerativeClassifier):
        assert np.exp(model.log_class_prior()).sum() == pytest.approx(1, abs=1e-6)
    assert model.precisions() == [float(len(weight.shape) == 2) for weight in model.trainable_weights]


def test_classes_of_few_rows_in_numpy_are_those_of_tensorflow(name):
    model = shifted(build(name))
    if isinstance(model, HasClasses):
        np.testing.assert_allclose(model.classify_in_numpy(X), model.classify(X), atol=1e-5)
        shifted(model)
        np.testing.assert_allclose(model.classify_in_numpy(X[:1]), model.classify(X[:1]), atol=1e-5)


def test_config_round_trip(name):
    model = shifted(build(name, seed=3))
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    copy.set_weights(model.get_weights())
    equal(copy, model)
    assert copy_of(model) is not model


def test_keras_file_round_trip(name, tmp_path):
    model = shifted(build(name))
    model.save(tmp_path / "model.keras")
    equal(keras.saving.load_model(tmp_path / "model.keras"), model)


def test_works_alone(name, tmp_path):
    model = build(name)
    objective = BINARY if isinstance(model, HasDensity) and model.binary else OBJECTIVE
    model.compile(keras.optimizers.Adam(0.02), objective=objective, jit_compile=False)
    arguments = (X, Y) if isinstance(model, HasClasses) else (X,)
    history = model.fit(*arguments, epochs=8, batch_size=12, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert np.mean(history[-2:]) < np.mean(history[:2])
    assert np.isfinite(model.evaluate(*arguments, verbose=0))
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(found, np.array(model(X)), atol=1e-6)
    if isinstance(model, HasClasses):
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    model.save(tmp_path / "trained.keras")
    equal(keras.saving.load_model(tmp_path / "trained.keras"), model)


def test_a_classifier_alone_wants_labels():
    model = build("supervised")
    model.compile("adam", objective=OBJECTIVE, jit_compile=False)
    with pytest.raises(ValueError, match=r"Supervised has no density and learns from labels alone"):
        model.fit(X, verbose=0)


def test_compile_wants_an_objective(name):
    with pytest.raises(ValueError, match="compile needs objective=Objective"):
        build(name).compile("adam")


def test_reset_is_decided_by_its_generator(name):
    first, second, other = shifted(build(name, seed=1)), build(name, seed=2), build(name, seed=1)
    for model, seed in ((first, 5), (second, 5), (other, 6)):
        model.reset(np.random.default_rng(seed))
    told = {layer.value.path for layer in first.layers if isinstance(layer, Constant) and not layer.learned}  # by data
    for a, b in zip(first.weights, second.weights, strict=True):
        if a.path not in told:
            np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(outputs(first), outputs(other), strict=True))
    equal(build(name, seed=4), build(name, seed=4))


def test_a_layer_that_cannot_be_reset_is_named():
    model = build("m1")
    model.extra = keras.layers.Dense(2, name="extra")
    with pytest.raises(TypeError, match=r"layer 'extra' \(Dense\) of M1 needs reset\(rng\)"):
        model.reset(np.random.default_rng(0))


def test_samples_are_decided_by_the_seed(name):
    model = build(name)
    if not isinstance(model, HasDensity):
        return
    index = None if not isinstance(model, HasClasses) else np.arange(7) % K
    found = prediction.draw(model, 7, index, seed=1)
    assert found.shape == (7, D)
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_array_equal(found, prediction.draw(model, 7, index, seed=1))
    assert (found != prediction.draw(model, 7, index, seed=2)).any()
    assert prediction.draw(model, 4, None, seed=1).shape == (4, D)


def lit_m2(model) -> None:
    """Let the hidden unit k of p(x | y, z) be on where the class is k, and light pixel k."""
    model.decoder.first[1].assign(6.0 * np.eye(K, 4))
    model.decoder.kernels[-1].assign(2.0 * np.eye(4, D))
    model.decoder.biases[-1].assign(np.full(D, -6.0))


def lit_m1_m2(model) -> None:
    """Let p(z1 | y, z2) be far from 0 in a direction for each class, in which p(x | z1) lights pixel k."""
    upper, lower = model.second.decoder, model.first.decoder
    upper.first[1].assign(6.0 * np.eye(K, 4))
    upper.kernels[-1].assign([[2, 0, 0, 0], [0, 2, 0, 0], [-2, -2, 0, 0], [0, 0, 0, 0]])  # means, then log-variances
    lower.first[0].assign([[1, 0, -1, 0], [0, 1, -1, 0]])
    lower.kernels[-1].assign(1.0 * np.eye(4, D))
    lower.biases[-1].assign(np.full(D, -6.0))


def lit_conditional_sbn(model) -> None:
    """Let the hidden unit k of p(x | y, z) be 1 where the class is k, and light pixel k."""
    model.decoder.first[0].assign(np.zeros(model.decoder.first[0].shape))
    model.decoder.first[1].assign(6.0 * np.eye(K, 4))
    model.decoder.kernels[-1].assign(12.0 * np.eye(4, D))
    model.decoder.biases[-1].assign(np.full(D, -6.0))


LIT = {"m2": lit_m2, "m1_m2": lit_m1_m2, "conditional_sbn": lit_conditional_sbn}


def test_samples_follow_the_class(name):
    """Where the weights say that class k lights pixel k, samples of class k have pixel k lit, and no other of them."""
    model = build(name)
    if not isinstance(model, GenerativeClassifier):
        return
    LIT[name](model)
    index = RNG.permutation(np.arange(60) % K)
    found = prediction.draw(model, 60, index, seed=1)[:, :K]
    assert (found.argmax(axis=1) == index).mean() > 0.95
    assert found[np.arange(60), index].mean() > 0.9
    assert found[np.arange(60), (index + 1) % K].mean() < 0.2
    counts = np.bincount(prediction.draw(model, 300, None, seed=1)[:, :K].argmax(axis=1), minlength=K)
    assert (np.abs(counts - 100) < 40).all()  # without an index, classes come from p(y), here uniform


def test_m1_m2_drops_inactive_columns():
    model = build("m1_m2", latent=4, m1={"hidden": [4], "latent": 4}, m2={"latent": 2})
    kernel = np.array(model.first.encoder.kernels[-1])
    kernel[:, [1, 3]] = 0.0  # the means of these columns do not vary
    model.first.encoder.kernels[-1].assign(kernel)
    model.threshold = 1e-4
    stages = model.stages(X, encoded_rows)
    assert next(stages).labels is False
    second = next(stages)
    assert model.active == (0, 2)
    assert second.labels
    mean, log_variance = second.rows
    np.testing.assert_allclose(mean.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(mean.var(axis=0) + np.exp(log_variance).mean(axis=0), 1, rtol=1e-4)  # of the draws
    means, log_variances = np.split(np.array(model.first.encode(X)["z"]), 2, axis=1)
    scale = np.sqrt(means[:, [0, 2]].var(axis=0) + np.exp(log_variances[:, [0, 2]]).mean(axis=0))
    np.testing.assert_allclose(np.exp(log_variance), np.exp(log_variances[:, [0, 2]]) / scale**2, rtol=1e-4)
    np.testing.assert_allclose(model.classify(X), second.model.classify(mean), atol=1e-5)
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    assert copy.active == (0, 2)
    equal(copy, model)


def test_m1_m2_keeps_a_column_when_none_varies():
    model = build("m1_m2", threshold=1e9)
    list(model.stages(X, encoded_rows))
    assert len(model.active) == 1


def test_m1_m2_sees_fresh_draws_of_z1_at_every_step():
    stages = build("m1_m2", threshold=0.0).stages(X, encoded_rows)
    next(stages)
    second = next(stages)
    rows = tuple(np.repeat(part[:1], 20_000, axis=0) for part in second.rows)
    first, again, other = (np.array(second.observation.observe(rows, random.seed_tensor(s))) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=1).all()
    np.testing.assert_allclose(first.mean(axis=0), rows[0][0], atol=4 * np.exp(rows[1][0].max() / 2) / np.sqrt(20_000))
    np.testing.assert_allclose(first.var(axis=0), np.exp(rows[1][0]), rtol=0.05)


@pytest.mark.parametrize("prior", ["uniform", "learned", [2.0, 1.0, 1.0]])
def test_class_prior(prior):
    model = build("m2", prior=prior)
    expected = [0.5, 0.25, 0.25] if prior[0] == 2.0 else [1 / 3] * 3
    np.testing.assert_allclose(np.exp(model.log_class_prior()), expected, rtol=1e-6)
    learnt = [w for w in model.trainable_weights if w is model.class_prior.logits]
    assert len(learnt) == (1 if prior == "learned" else 0)
    for wrong in ("flat", [1.0, 2.0], [1.0, -1.0, 1.0]):
        with pytest.raises(ValueError, match=r"prior (must be|needs)"):
            build("m2", prior=wrong)
