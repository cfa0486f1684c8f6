"""Every regularizer: finite values and gradients, its weight, its formula, and what it does when a stream is empty."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import random
from ssvae.regularizers import REGULARIZERS
from ssvae.settings.checks import check
from ssvae.settings.schema import schema
from ssvae.types import Batch

SEED = random.seed_tensor(0)
RNG = np.random.default_rng(0)
K, D = 3, 4


class Classifier:
    """q(y | x) = softmax(x W), p(y) given."""

    def __init__(self, prior=(1 / 3, 1 / 3, 1 / 3)):
        self.weights = tf.Variable(RNG.normal(size=(D, K)), dtype=tf.float32)
        self.prior = tf.constant(np.log(prior), tf.float32)

    def classify(self, x):
        return x @ self.weights

    def log_class_prior(self):
        return self.prior


def batches(model, rows=(5, 8)):
    x = [tf.constant(RNG.normal(size=(count, D)), tf.float32) for count in (*rows, rows[1])]
    propagated = RNG.dirichlet(np.ones(K), rows[1]).astype(np.float32)
    y = tf.one_hot(np.arange(rows[0]) % K, K)
    labelled = Batch(x[0], y, None, None, logits=model.classify(x[0]))
    neighbour = {"neighbour": x[2], "neighbour_logits": model.classify(x[2])}
    return labelled, Batch(
        x[1], None, None, None, logits=model.classify(x[1]), propagated=tf.constant(propagated), **neighbour
    )


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("name", REGULARIZERS.names())
def test_finite_with_a_gradient_and_nothing_at_weight_zero(name):
    model = Classifier()
    with tf.GradientTape() as tape:
        labelled, unlabelled = batches(model)
        value = REGULARIZERS.build(name).penalty(model, labelled, unlabelled, SEED, tf.constant(0.1))
    gradient = tape.gradient(value, model.weights)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
    off = REGULARIZERS.build({"name": name, **dict.fromkeys(REGULARIZERS.get(name).weights, 0.0)})
    assert off.penalty(model, labelled, unlabelled, SEED, tf.constant(0.1)) == 0.0


@pytest.mark.parametrize("name", REGULARIZERS.names())
def test_a_stream_without_rows(name):
    model = Classifier()
    labelled, unlabelled = batches(model)
    for streams in ((labelled, None), (None, unlabelled)):
        assert np.isfinite(REGULARIZERS.build(name).penalty(model, *streams, SEED, True))


def test_mutual_information_is_its_formula():
    prior = np.array([0.5, 0.3, 0.2])
    model = Classifier(prior)
    labelled, unlabelled = batches(model)
    q = softmax(unlabelled.logits.numpy())
    entropy, share = -(q * np.log(q)).sum(axis=1).mean(), q.mean(axis=0)
    expected = 0.7 * entropy + 1.3 * (share * np.log(share / prior)).sum()
    piece = REGULARIZERS.build({"name": "mutual_information", "sure": 0.7, "balance": 1.3})
    assert float(piece.penalty(model, labelled, unlabelled, SEED, True)) == pytest.approx(expected, rel=1e-5)


def test_neighbours_is_the_probability_of_one_class():
    model = Classifier()
    labelled, unlabelled = batches(model)
    both = softmax(unlabelled.logits.numpy()) * softmax(unlabelled.neighbour_logits.numpy())
    value = REGULARIZERS.build("neighbours").penalty(model, labelled, unlabelled, SEED, True)
    assert float(value) == pytest.approx(-np.log(both.sum(axis=1)).mean(), rel=1e-5)


def test_propagated_labels_fade_out():
    model = Classifier()
    labelled, unlabelled = batches(model)
    full = -(unlabelled.propagated.numpy() * np.log(softmax(unlabelled.logits.numpy()))).sum(axis=1).mean()
    piece = REGULARIZERS.build({"name": "propagated_labels", "until": 0.5})
    for done, left in ((0.0, 1.0), (0.25, 0.5), (0.5, 0.0), (0.9, 0.0)):
        value = piece.penalty(model, labelled, unlabelled, SEED, tf.constant(done))
        assert float(value) == pytest.approx(left * full, rel=1e-5, abs=1e-7)


def test_virtual_adversarial_finds_a_worse_direction_than_chance():
    model = Classifier()
    labelled, unlabelled = batches(model, (40, 40))
    x = tf.concat([labelled.x, unlabelled.x], 0)
    piece = REGULARIZERS.build({"name": "virtual_adversarial", "radius": 0.2, "relative_to": "columns"})
    length = 0.2 * np.sqrt(D * np.mean(np.var(x.numpy(), axis=0)))
    before = np.log(softmax(model.classify(x).numpy()))

    def divergence(step):
        after = np.log(softmax(model.classify(x + step).numpy()))
        return (np.exp(before) * (before - after)).sum(axis=1).mean()

    directions = RNG.normal(size=(50, *x.shape)).astype(np.float32)
    chance = [divergence(length * r / np.linalg.norm(r, axis=1, keepdims=True)) for r in directions]
    found = [float(piece.penalty(model, labelled, unlabelled, random.seed_tensor(s), True)) for s in range(20)]
    value = np.mean(found)  # one start differs from the next by 2 %
    assert value > 1.5 * np.mean(chance)
    # Of a linear classifier of three classes the worst step lies in the plane of the weights: none is much worse.
    plane = np.linalg.qr(model.weights.numpy() - model.weights.numpy().mean(axis=1, keepdims=True))[0][:, :2]
    angles = np.linspace(0, 2 * np.pi, 73)
    steps = length * (np.stack([np.cos(angles), np.sin(angles)], 1) @ plane.T).astype(np.float32)
    each = [np.log(softmax(model.classify(x + step).numpy())) for step in steps]
    worst = np.max([(np.exp(before) * (before - after)).sum(axis=1) for after in each], axis=0).mean()
    assert 0.8 * worst < value
    assert max(found) <= 1.001 * worst


def test_the_radius_is_relative_to_the_distance_of_classes(monkeypatch):
    model = Classifier()
    x = RNG.normal(size=(30, D)).astype(np.float32)
    index = np.arange(30) % K
    x[:, 0] += 0.5 * index
    distance = np.square(x[:, np.newaxis] - x).sum(axis=2)
    same, other = index[:, np.newaxis] == index, ~np.eye(30, dtype=bool)
    expected = 0.3 * np.sqrt(distance[~same].mean() - distance[same & other].mean())
    labelled = Batch(tf.constant(x), tf.one_hot(index, K), None, None, logits=model.classify(x))
    seen = []
    monkeypatch.setattr(model, "classify", lambda rows, plain=model.classify: seen.append(rows) or plain(rows))
    REGULARIZERS.build({"name": "virtual_adversarial", "radius": 0.3}).penalty(model, labelled, None, SEED, True)
    np.testing.assert_allclose(np.linalg.norm(seen[-1] - x, axis=1), expected, rtol=1e-4)
    x[index == 1, 1] += 100.0  # farther than the columns' spread allows for
    labelled = labelled._replace(x=tf.constant(x))
    REGULARIZERS.build({"name": "virtual_adversarial", "radius": 0.3}).penalty(model, labelled, None, SEED, True)
    capped = 0.3 * np.sqrt(np.var(x, axis=0).sum())
    np.testing.assert_allclose(np.linalg.norm(seen[-1] - x, axis=1), capped, rtol=1e-4)
    one = labelled._replace(y=tf.one_hot(np.zeros(30, int), K), logits=model.classify(x))  # no pair of two classes
    assert float(REGULARIZERS.build("virtual_adversarial").penalty(model, one, None, SEED, True)) == 0.0


def test_virtual_adversarial_refuses_another_relation():
    with pytest.raises(ValueError, match="relative_to"):
        REGULARIZERS.build({"name": "virtual_adversarial", "relative_to": "rows"})


def test_virtual_adversarial_of_a_constant_classifier_is_zero():
    model = Classifier()
    model.weights.assign(tf.zeros_like(model.weights))
    value = REGULARIZERS.build("virtual_adversarial").penalty(model, *batches(model), SEED, True)
    assert float(value) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("name", ["neighbours", "propagated_labels"])
def test_the_former_name_of_an_argument_is_read_with_a_warning(name):
    with pytest.warns(FutureWarning, match=f"peers of '{name}' is deprecated .*: use neighbours"):
        old = REGULARIZERS.build({"name": name, "peers": 7})
    assert old == REGULARIZERS.build({"name": name, "neighbours": 7})
    check({"regularizers": [{"name": name, "peers": 7}]}, schema()["classifier"])
    with pytest.raises(ValueError, match="peers"):
        REGULARIZERS.build({"name": name, "peers": 7, "neighbours": 7})
    with pytest.warns(FutureWarning, match=r"peers of \w+ is deprecated .*: use neighbours") as seen:
        assert REGULARIZERS.get(name)(peers=7) == old
    assert seen[0].filename == __file__
    for both in ({"neighbours": 5, "peers": 7}, {"peers": 7, "neighbours": 5}):
        with pytest.raises(ValueError, match="give one"):
            REGULARIZERS.get(name)(**both)
