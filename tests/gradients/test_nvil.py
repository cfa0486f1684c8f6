"""NVIL of continuous latents: its expectation is the pathwise gradient's and the closed form's, and baselines learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ssvae import SSVAEClassifier, load
from ssvae.backend import random
from ssvae.backend.engine import Engine, using
from ssvae.gradients import GRADIENTS
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.hierarchical import Hierarchical
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.objective import Objective

D, K, Z = 4, 3, 2
X = np.array([[1, 0, 1, 1], [0, 1, 1, 0]], np.float32)
ROWS, PARTS = 1000, 20  # independent estimates a part; the standard error is that of the parts' means
BASELINE = {"hidden": [5], "momentum": 0.8}
WHOLE = {"name": "nvil", "samples": 2, "input_baseline": False, "local_signals": False}
AMORTIZED = Amortized(kl_warm_up=0.0)


def moved(model, scale=0.5):
    """Return the model with other weights, also of its baselines; what normalises signals is 1."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, scale, weight.shape))
    for baseline in model.baselines.values():
        for seen, value in ((baseline.mean, -2.0), (baseline.variance, 1.0), (baseline.steps, 1.0)):
            seen.assign([value])
    return model


def learnt(model) -> list:
    """Return the weights of p and q, without those of the baselines."""
    baselines = {id(weight) for baseline in model.baselines.values() for weight in baseline.weights}
    return [weight for weight in model.trainable_weights if id(weight) not in baselines]


def estimates(weights, bound, first_seed) -> tuple[np.ndarray, np.ndarray]:
    """Return means [PARTS] of bound(seed), and their gradients by the weights [PARTS, P]."""
    weights = [weight.value for weight in weights]

    @tf.function(autograph=False)
    def estimate(seed):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(bound(seed))
        gradients = tape.gradient(value, weights, unconnected_gradients="zero")
        return value, tf.concat([tf.reshape(each, [-1]) for each in gradients], 0)

    parts = [estimate(random.seed_tensor(first_seed + part)) for part in range(PARTS)]
    return tuple(np.array(each, np.float64) for each in zip(*parts, strict=True))


def agree(found, truth, error, weights) -> None:
    """Hold gradients to the truth, weight by weight; 1 % may be further off than 4 standard errors of 20 parts."""
    off = np.abs(found - truth) > 4 * error + 1e-5
    sizes = np.cumsum([np.prod(weight.shape) for weight in weights])[:-1].astype(int)
    for weight, part, true in zip(weights, np.split(off, sizes), np.split(truth, sizes), strict=True):
        assert part.mean() <= 0.01 or part.sum() <= 1, weight.path
        assert np.abs(true).max() > 1e-3, weight.path  # the truth is no row of zeros
    assert off.mean() <= 0.01


def standard_error(parts: np.ndarray) -> np.ndarray:
    return parts.std(axis=0, ddof=1) / np.sqrt(PARTS)


def linear_gaussian_bound(model, x, *y) -> tf.Tensor:
    """Return E_q[log p(x, z | y) − log q(z | x, y)] of affine networks, [B].

    Under q = N(m, S), E[(x − a·z − b)² exp(−v·z − c)] = exp(½ vᵀSv − v·m − c) ((x − a·m' − b)² + aᵀSa), m' = m − S v.
    """
    encoder, decoder = model.encoder, model.decoder
    inputs = zip([x, *y], encoder.first, strict=True)
    mean, log_variance = tf.split(sum(part @ w for part, w in inputs) + encoder.biases[0], 2, axis=-1)
    variance = tf.exp(log_variance)
    offset = sum(part @ w for part, w in zip(y, decoder.first[1:], strict=True)) + decoder.biases[0]
    (a, v), (b, c) = (tf.split(part, 2, axis=-1) for part in (decoder.first[0].value, offset))
    tilted = mean[:, :, tf.newaxis] - variance[:, :, tf.newaxis] * v  # [B, Z, D]
    scale = tf.exp(0.5 * variance @ v**2 - mean @ v - c)
    squares = (x - tf.reduce_sum(a * tilted, axis=1) - b) ** 2 + variance @ a**2
    log_p = -0.5 * (np.log(2 * np.pi) + mean @ v + c + scale * squares)
    kl = 0.5 * tf.reduce_sum(mean**2 + variance - 1 - log_variance, axis=-1)
    return tf.reduce_sum(log_p, axis=-1) - kl


LINEAR = {"likelihood": Gaussian(floor=-40.0), "latent": Z, "hidden": (), "baseline": BASELINE}  # a floor out of reach


@pytest.mark.parametrize(("model", "slot"), [(M1(D, **LINEAR), WHOLE), (M2(D, K, **LINEAR), "nvil")], ids=["m1", "m2"])
def test_with_linear_gaussian_networks_the_expectation_is_the_closed_form(model, slot):
    moved(model, 0.3)
    x, y = tf.constant(np.repeat(X[:1], ROWS, axis=0)), tf.one_hot(tf.ones([ROWS], tf.int32), K)
    known = [y] if isinstance(model, M2) else []
    gradient = GRADIENTS.build(slot)
    weights = [*model.encoder.trainable_weights, *model.decoder.trainable_weights]
    values, found = estimates(
        weights, lambda seed: AMORTIZED.bound(model, x, *(known or [None]), gradient, seed, True), 0
    )
    exact, truth = estimates(weights, lambda seed: linear_gaussian_bound(model, x[:1], *(y[:1] for y in known)), 0)
    assert abs(values.mean() - exact[0]) < 4 * standard_error(values)
    agree(found.mean(axis=0), truth[0], standard_error(found), weights)


def test_a_baseline_learns_the_bound_of_each_row_and_class():
    model, gradient = moved(M2(D, K, **LINEAR), 0.3), GRADIENTS.build("nvil")
    (baseline,) = model.baselines.values()
    baseline.reset(np.random.default_rng(0))
    x, y = tf.constant(np.repeat(X, 50, axis=0)), tf.eye(K)[:, tf.newaxis]
    optimizer, weights = keras.optimizers.Adam(0.03), baseline.trainable_weights

    @tf.function(autograph=False)
    def step(seed):
        with tf.GradientTape() as tape, using(Engine(training=True)):
            loss = -tf.reduce_mean(AMORTIZED.bound(model, x, y, gradient, seed, True))
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    for seed in range(200):
        step(random.seed_tensor(seed))
    truth = np.array([linear_gaussian_bound(model, x, tf.repeat(each, len(x), axis=0)) for each in y])
    found = np.array(baseline(x, y) + baseline.moments()[0])
    assert found.shape == truth.shape
    assert (found - truth).var() < 0.1 * truth.var()  # the rows alone, without the classes, would explain half


def both_bounds(model, gradient):
    """Return a function of the seed: L of the first row with its class, and U of the second, as M2 learns from them."""
    objective = Objective(AMORTIZED, gradient, GRADIENTS.build("enumeration"))
    first, second = (tf.constant(np.repeat(row[np.newaxis], ROWS, axis=0)) for row in X)
    y = tf.one_hot(tf.ones([ROWS], tf.int32), K)
    return lambda seed: (
        objective.labelled(model, first, y, random.fold(seed, 0), True)
        + objective.unlabelled(model, second, random.fold(seed, 1), True)
    )


def one_bound(model, gradient):
    x = tf.constant(np.repeat(X[:1], ROWS, axis=0))
    return lambda seed: AMORTIZED.bound(model, x, None, gradient, seed, True)


SETTINGS = {"likelihood": Bernoulli(), "hidden": 4, "activation": "tanh", "baseline": BASELINE}


@pytest.mark.parametrize(
    ("model", "bound", "slot"),
    [
        (M1(D, latent=Z, **SETTINGS), one_bound, WHOLE),
        (M2(D, K, latent=Z, prior="learned", **SETTINGS), both_bounds, "nvil"),
        (Hierarchical(D, latent=Z, depth=1, **SETTINGS), one_bound, "nvil"),
        (Hierarchical(D, latent=Z, depth=1, top_down="ladder", **SETTINGS), one_bound, "nvil"),
    ],
    ids=["m1", "m2", "hierarchical", "ladder"],
)
def test_the_expectation_is_that_of_the_pathwise_gradient(model, bound, slot):
    moved(model)
    weights = learnt(model)
    values, found = estimates(weights, bound(model, GRADIENTS.build(slot)), 0)
    others, truth = estimates(weights, bound(model, GRADIENTS.build({"name": "pathwise", "samples": 4})), 1000)
    assert abs(values.mean() - others.mean()) < 4 * np.hypot(standard_error(values), standard_error(others))
    error = np.hypot(standard_error(found), standard_error(truth))
    agree(found.mean(axis=0), truth.mean(axis=0), error, weights)


@pytest.mark.parametrize(("model", "epochs"), [({"name": "m2"}, 40), ({"name": "m1_m2", "m1": {"hidden": [8]}}, 1)])
def test_a_fit_learns_and_is_saved(model, epochs, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(90) % K
    x = (rng.uniform(size=(90, 12)) < 0.1 + 0.75 * np.repeat(np.eye(K), 4, axis=1)[labels]).astype(np.float32)
    settings = {"epochs": epochs, "batch_size": 30, "learning_rate": 0.01, "random_state": 0, "regularizers": ()}
    own = SSVAEClassifier({"latent": Z, "hidden": [8], **model}, gradient="nvil", **settings)
    fitted = own.fit(x, np.where(np.arange(90) < 30, labels, -1))
    if epochs > 1:
        assert fitted.score(x[30:], labels[30:]) > 0.8
        assert fitted.history_["unlabelled_bound"][-1] > fitted.history_["unlabelled_bound"][0] + 1.0
    fitted.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.bound(x), fitted.bound(x))
    np.testing.assert_array_equal(loaded.predict_proba(x), fitted.predict_proba(x))
    for a, b in zip(loaded.model_.get_weights(), fitted.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
