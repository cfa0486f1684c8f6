"""The objective against numpy: four binary pixels, three classes, a latent of one dimension, nothing sampled."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import norm

from ssvae.backend import random
from ssvae.backend.adam import penalty
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.quadrature import Quadrature
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.objective import Objective
from ssvae.regularizers.base import Regularizer
from ssvae.types import Batch

K = 3
SEED = random.seed_tensor(0)
EVERY = tf.eye(K)[:, None, :]  # [K, 1, K]
X = np.array([[0, 0, 1, 1], [1, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], np.float32)
PLAIN = {"latent": 1, "hidden": [5], "classifier_hidden": [5], "normalization": "none", "activation": "softplus"}
OBJECTIVE = Objective(Amortized(), Quadrature(nodes=64), Enumeration())


def tiny(prior="uniform", seed=0) -> M2:
    """Return an M2 whose weights are all far from zero, so that every part of it shows in the numbers."""
    model = M2(4, K, Bernoulli(resample=False), **PLAIN, prior=prior)
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        # a wide q makes large numbers, which single precision rounds
        weight.assign(rng.normal(0, 0.3 if "encoder" in weight.path else 0.8, weight.shape))
    return model


def with_logits(model, logits) -> M2:
    """Return a copy of a model whose classifier returns given logits."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    copy.classify = lambda x: logits
    return copy


def network(mlp, *parts) -> np.ndarray:
    """Return the outputs of an MLP of softplus layers, in double precision from its weights."""
    weights = [np.asarray(weight, np.float64) for weight in (*mlp.first, *mlp.kernels)]
    biases = [np.asarray(bias, np.float64) for bias in mlp.biases]
    h = biases[0] + sum(part @ weight for part, weight in zip(parts, weights, strict=False))
    for weight, bias in zip(weights[len(parts) :], biases[1:], strict=True):
        h = np.logaddexp(0, h) @ weight + bias
    return h


def log_bernoulli(x, logits) -> np.ndarray:
    return (x * logits - np.logaddexp(0, logits)).sum(axis=-1)


def truth(model, x, k) -> tuple[float, float]:
    """Return L(x, k) and log p(x, k) of one row, by sums over a dense grid of z."""
    y, prior = np.eye(K)[k], log_softmax(np.asarray(model.class_prior.logits, np.float64))[k]
    mean, log_variance = network(model.encoder, x, y)
    sd = np.exp(log_variance / 2)

    def scored(z):
        return log_bernoulli(x, network(model.decoder, z[:, None], np.tile(y, (len(z), 1)))) + norm.logpdf(z) + prior

    z, step = np.linspace(mean - 9 * sd, mean + 9 * sd, 2001, retstep=True)
    q = norm.pdf(z, mean, sd) * step
    wide, wide_step = np.linspace(-9, 9, 2001, retstep=True)
    return float(q @ (scored(z) - norm.logpdf(z, mean, sd))), float(logsumexp(scored(wide)) + np.log(wide_step))


def table(model) -> tuple[np.ndarray, np.ndarray]:
    """Return L and log p(x, y), [B, K] each."""
    found = np.array([[truth(model, x, k) for k in range(K)] for x in X.astype(np.float64)])
    return found[..., 0], found[..., 1]


def unlabelled_truth(model, bounds) -> np.ndarray:
    log_q = log_softmax(network(model.classifier, X), axis=1)
    return (np.exp(log_q) * (bounds - log_q)).sum(axis=1)


def batch(rows, y, weight=1.0) -> Batch:
    return Batch(tf.constant(X[rows]), tf.one_hot(y, K), tf.fill([len(rows)], weight), tf.constant(rows))


def call(objective, model, labelled, unlabelled, share, rows):
    """Return the losses of one step with the weight prior, as the compiled loop adds it up."""
    losses = objective(model, labelled, unlabelled, tf.constant(share), SEED)
    prior = penalty(model.trainable_weights, [precision / rows for precision in objective.precisions(model)])
    return losses._replace(loss=losses.loss + prior)


@pytest.mark.parametrize("prior", ["uniform", [0.7, 0.2, 0.1]])
def test_bounds_are_those_of_brute_force(prior):
    model = tiny(prior)
    bounds, evidence = table(model)
    found = OBJECTIVE.labelled(model, X, EVERY, SEED).numpy().T
    np.testing.assert_allclose(found, bounds, atol=1e-5)
    np.testing.assert_allclose(OBJECTIVE.unlabelled(model, X, SEED), unlabelled_truth(model, bounds), atol=1e-5)
    assert (bounds < evidence).all()
    assert (unlabelled_truth(model, bounds) < logsumexp(evidence, axis=1)).all()


def test_bound_of_a_model_without_classes():
    model = M1(4, Bernoulli(resample=False), latent=1, hidden=[5], activation="softplus", seed=1)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.8, weight.shape) for weight in model.weights])
    wide, step = np.linspace(-9, 9, 2001, retstep=True)
    for x, found in zip(X.astype(np.float64), OBJECTIVE.unlabelled(model, X, SEED).numpy(), strict=True):
        mean, log_variance = network(model.encoder, x)
        q = norm(mean, np.exp(log_variance / 2))
        scored = log_bernoulli(x, network(model.decoder, wide[:, None])) + norm.logpdf(wide)
        # q may reach beyond the grid: its own terms have closed forms
        inside = q.pdf(wide) * step
        assert inside.sum() == pytest.approx(1, abs=1e-7)
        assert found == pytest.approx(inside @ scored + q.entropy(), abs=2e-5)
        assert found < logsumexp(scored) + np.log(step)


def test_unlabelled_bound_is_tight_at_the_posterior_only():
    model = tiny([0.5, 0.3, 0.2])
    bounds = OBJECTIVE.labelled(model, X, EVERY, SEED).numpy().T
    best = logsumexp(bounds, axis=1)
    assert (OBJECTIVE.unlabelled(model, X, SEED).numpy() < best - 1e-3).all()
    at_posterior = OBJECTIVE.unlabelled(with_logits(model, tf.constant(bounds)), X, SEED)
    np.testing.assert_allclose(at_posterior, best, atol=1e-5)


def test_gradient_reaches_the_classifier_from_unlabelled_rows_through_every_class():
    model = tiny()
    bounds = OBJECTIVE.labelled(model, X, EVERY, SEED).numpy().T.astype(np.float64)
    logits = tf.Variable(np.random.default_rng(2).normal(0, 1, (len(X), K)).astype(np.float32))
    with tf.GradientTape() as tape:
        value = OBJECTIVE.unlabelled(with_logits(model, logits), X, SEED)
        total = tf.reduce_sum(value)
    q, log_q = softmax(logits.numpy(), axis=1), log_softmax(logits.numpy(), axis=1)
    expected = q * (bounds - log_q - value.numpy()[:, None])
    np.testing.assert_allclose(tape.gradient(total, logits), expected, atol=1e-5)
    assert (np.abs(expected) > 1e-4).all()
    with tf.GradientTape() as tape:  # and the same through the whole of it, to the network's weights
        loss = call(OBJECTIVE, model, None, batch(np.arange(len(X)), [-1] * len(X)), 0.0, 1e9).loss
    value = unlabelled_truth(model, bounds)
    q, log_q = softmax(network(model.classifier, X), axis=1), log_softmax(network(model.classifier, X), axis=1)
    expected = -(q * (bounds - log_q - value[:, None])).mean(axis=0)
    np.testing.assert_allclose(tape.gradient(loss, model.classifier.biases[-1].value), expected, atol=1e-5)


def test_pull_scales_the_gradient_by_the_classifier_and_nothing_else():
    model, found = tiny(), {}
    weights = [model.classifier.biases[-1].value, model.decoder.biases[-1].value]
    for pull in (1.0, 0.1):
        objective = Objective(Amortized(), Quadrature(64), Enumeration(), weight_prior=0.0, bound_gradient_weight=pull)
        with tf.GradientTape() as tape:
            loss = call(objective, model, None, batch(np.arange(len(X)), [-1] * len(X)), 0.0, 5.0).loss
        found[pull] = float(loss), *(gradient.numpy() for gradient in tape.gradient(loss, weights))
    assert found[0.1][0] == pytest.approx(found[1.0][0], rel=1e-6)
    np.testing.assert_allclose(found[0.1][1], 0.1 * found[1.0][1], atol=1e-6)
    np.testing.assert_allclose(found[0.1][2], found[1.0][2], atol=1e-6)


def test_unlabelled_bound_sums_one_bound_a_class():
    """Not one bound of soft labels, which p(x | y) blurs over the classes."""
    model = tiny()
    bounds = OBJECTIVE.labelled(model, X, EVERY, SEED).numpy().T
    assert np.abs(np.diff(bounds, axis=1)).min() > 1e-3
    q = softmax(network(model.classifier, X), axis=1).astype(np.float32)
    soft = OBJECTIVE.labelled(model, X, tf.constant(q), SEED).numpy() - (q * np.log(q)).sum(axis=1)
    assert np.abs(soft - OBJECTIVE.unlabelled(model, X, SEED).numpy()).min() > 1e-3


def test_labelled_rows_are_scored_under_their_own_label():
    model = tiny([0.5, 0.3, 0.2])
    bounds, _ = table(model)
    rows = np.array([0, 1, 2])
    for y in ([0, 1, 2], [1, 1, 2], [2, 0, 0]):
        losses = call(OBJECTIVE, model, batch(rows, y), None, 1.0, 3.0)
        assert float(losses.labelled_bound) == pytest.approx(bounds[rows, y].mean(), abs=1e-5)


def test_classes_have_no_order():
    model, permuted, order = tiny([0.5, 0.3, 0.2]), tiny([0.5, 0.3, 0.2]), np.array([2, 0, 1])
    permuted.class_prior.logits.assign(np.array(model.class_prior.logits)[order])
    for mlp in (permuted.encoder, permuted.decoder):
        mlp.first[1].assign(np.array(mlp.first[1])[order])
    permuted.classifier.kernels[-1].assign(np.array(permuted.classifier.kernels[-1])[:, order])
    permuted.classifier.biases[-1].assign(np.array(permuted.classifier.biases[-1])[order])
    np.testing.assert_allclose(permuted(X), model(X).numpy()[:, order], atol=1e-6)
    bounds = [OBJECTIVE.labelled(m, X, EVERY, SEED).numpy() for m in (model, permuted)]
    np.testing.assert_allclose(bounds[1], bounds[0][order], atol=1e-5)
    np.testing.assert_allclose(OBJECTIVE.unlabelled(permuted, X, SEED), OBJECTIVE.unlabelled(model, X, SEED), atol=1e-5)


def test_class_prior_enters_the_bounds():
    uniform, given = tiny(), tiny([0.7, 0.2, 0.1])
    for source, target in zip(uniform.trainable_weights, given.trainable_weights, strict=True):
        target.assign(source)
    change = OBJECTIVE.labelled(given, X, EVERY, SEED) - OBJECTIVE.labelled(uniform, X, EVERY, SEED)
    expected = np.log([0.7, 0.2, 0.1]) - np.log(1 / 3)
    np.testing.assert_allclose(change, np.tile(expected[:, None], len(X)), atol=1e-5)


def test_the_minimised_number_term_by_term():
    model, objective = (
        tiny([0.5, 0.3, 0.2]),
        Objective(Amortized(), Quadrature(64), Enumeration(), alpha=0.3, weight_prior=2.0),
    )
    bounds, _ = table(model)
    rows, y, others = np.array([0, 3]), np.array([1, 2]), np.array([1, 2, 4])
    losses = call(objective, model, batch(rows, y), batch(others, [-1] * 3), 0.2, 100.0)
    cross_entropy = -log_softmax(network(model.classifier, X), axis=1)[rows, y]
    squares = sum((w.numpy().astype(np.float64) ** 2).sum() for w in model.trainable_weights if len(w.shape) == 2)
    unlabelled = unlabelled_truth(model, bounds)[others]
    expected = -(0.2 * bounds[rows, y].mean() + 0.8 * unlabelled.mean())
    expected += 0.3 * cross_entropy.mean() + 2.0 * 0.5 * squares / 100.0
    assert float(losses.loss) == pytest.approx(expected, abs=1e-4)
    assert float(losses.unlabelled_bound) == pytest.approx(unlabelled.mean(), abs=1e-5)
    assert float(losses.cross_entropy) == pytest.approx(cross_entropy.mean(), abs=1e-5)


def test_a_batch_of_labelled_and_unlabelled_rows_together():
    """What `keras.Model.fit` minimises: every row its own bound, and the mean cross-entropy of those with a label."""
    model = tiny([0.5, 0.3, 0.2])
    objective = Objective(Amortized(), Quadrature(64), Enumeration(), alpha=0.3)
    bounds, y = table(model)[0], np.array([1, -1, 2, -1, 0])
    own = np.where(y < 0, unlabelled_truth(model, bounds), bounds[np.arange(len(X)), y])
    cross_entropy = -log_softmax(network(model.classifier, X), axis=1)[np.arange(len(X)), y][y >= 0]
    expected = -own.mean() + 0.3 * cross_entropy.mean()
    for labels in (y, y[:, None].astype(np.float32)):
        assert float(objective.mixed(model, X, labels, SEED)) == pytest.approx(expected, abs=1e-5)
    without = -unlabelled_truth(model, bounds).mean()
    for labels in (None, np.full(len(X), -1)):
        assert float(objective.mixed(model, X, labels, SEED)) == pytest.approx(without, abs=1e-5)
    one = 0.3 * cross_entropy[1] - own[2]  # of a single labelled row
    assert float(objective.mixed(model, X[2:3], y[2:3], SEED)) == pytest.approx(one, abs=1e-5)


@dataclass(frozen=True)
class Asked(Amortized):
    """Amortised inference that notes whether it is asked in training."""

    def bound(self, model, x, y, gradient, seed, training=False):
        ASKED.append(training)
        return super().bound(model, x, y, gradient, seed, training)


ASKED: list[bool] = []


def test_a_batch_together_is_a_batch_of_training():
    ASKED.clear()
    objective = Objective(Asked(), Quadrature(16), Enumeration())
    for labels in (None, np.array([1, -1, 2, -1, 0])):
        objective.mixed(tiny(), X, labels, SEED)
    assert ASKED == [True] * 3  # U alone; L and U


@dataclass(frozen=True)
class LogitsSeen(Regularizer):
    """The sums of the logits of labelled rows, unlabelled rows and neighbours, a hundred times apart."""

    def penalty(self, model, labelled, unlabelled, seed, done):
        seen = labelled.logits[:, 0], unlabelled.logits[:, 0], unlabelled.neighbour_logits[:, 0]
        return sum(100.0**at * tf.reduce_mean(each) for at, each in enumerate(seen))


def test_regularizers_get_the_logits_of_all_rows_and_of_their_neighbours():
    model, rows, others, neighbours = tiny(), np.array([0, 3]), np.array([1, 2, 4]), np.array([2, 0, 0])
    objective = Objective(Amortized(), Quadrature(64), Enumeration(), regularizers=(LogitsSeen(), LogitsSeen()))
    unlabelled = batch(others, [-1] * 3)._replace(neighbour=tf.constant(X[neighbours]))
    losses = call(objective, model, batch(rows, [1, 2]), unlabelled, 0.2, 100.0)
    logits = network(model.classifier, X)[:, 0]
    once = sum(100.0**at * logits[seen].mean() for at, seen in enumerate((rows, others, neighbours)))
    assert float(losses.regularizer) == pytest.approx(2 * once, rel=1e-5)


def test_strength_is_that_of_all_regularizers():
    model, unlabelled = tiny(), batch(np.array([1, 2]), [-1] * 2)._replace(neighbour=tf.constant(X[[0, 3]]))
    objective = Objective(Amortized(), Quadrature(16), Enumeration(), alpha=0.3, regularizers=(LogitsSeen(),) * 2)
    full, part = (
        objective(model, batch(np.array([0]), [1]), unlabelled, tf.constant(0.2), SEED, True, strength)
        for strength in (1.0, tf.constant(0.25))
    )
    assert float(part.regularizer) == pytest.approx(0.25 * float(full.regularizer), rel=1e-5)
    assert float(full.loss - part.loss) == pytest.approx(0.3 * 0.75 * float(full.regularizer), rel=1e-4)


def test_alpha_is_that_of_the_authors_sums():
    """N times the minimised number = −Σ L − Σ U + 0.1 N / N_l Σ CE + ½ Σ w², Kingma et al.'s released form."""
    model = tiny()
    bounds, _ = table(model)
    rows, y, others = np.array([0, 3]), np.array([1, 2]), np.array([1, 2, 4])
    loss = call(OBJECTIVE, model, batch(rows, y), batch(others, [-1] * 3), 2 / 5, 5.0).loss
    cross_entropy = -log_softmax(network(model.classifier, X), axis=1)[rows, y]
    squares = sum((w.numpy().astype(np.float64) ** 2).sum() for w in model.trainable_weights if len(w.shape) == 2)
    summed = -bounds[rows, y].sum() - unlabelled_truth(model, bounds)[others].sum()
    summed += (0.1 * 5 / 2) * cross_entropy.sum() + 0.5 * squares
    assert 5 * float(loss) == pytest.approx(summed, abs=5e-4)


def test_a_stream_without_rows_changes_nothing():
    model = tiny()
    alone = call(OBJECTIVE, model, None, batch(np.arange(3), [-1] * 3), 0.0, 10.0)
    assert float(alone.labelled_bound) == float(alone.cross_entropy) == 0.0
    only = call(OBJECTIVE, model, batch(np.arange(3), [0, 1, 2]), None, 1.0, 10.0)
    assert float(only.unlabelled_bound) == 0.0
    double = call(OBJECTIVE, model, batch(np.arange(3), [0, 1, 2], weight=2.0), None, 1.0, 10.0)
    assert float(double.labelled_bound) == pytest.approx(2 * float(only.labelled_bound), rel=1e-6)
