"""The sum over the top classes and a draw from the others, beyond the contract: where it is exact, how it varies."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.distributions import one_hot
from ssvae.gradients.base import Integrand, Terms
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.quadrature import Quadrature
from ssvae.gradients.score_function import ScoreFunction
from ssvae.gradients.topm import TopM
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.m2 import M2
from ssvae.objective import Objective

SEED = random.seed_tensor(5)
RNG = np.random.default_rng(0)


class Table(Integrand):
    """y -> the number that stands for it, f [K]; it keeps the shape of y."""

    def __init__(self, numbers):
        self.numbers = tf.constant(numbers, tf.float32)

    def __call__(self, values):
        self.shape = values["y"].shape
        return Terms(tf.reduce_sum(values["y"] * self.numbers, axis=-1), {}, {})


def read(gradient, f, logits, seed=SEED):
    """Return the value and its gradient by the logits."""
    logits = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = gradient.expectation(f, {"y": one_hot(logits)}, seed, training=True)
    return value.numpy(), tape.gradient(value, logits).numpy()


def peaked(rows, classes):
    """Return logits of which few matter."""
    return np.tile(RNG.normal(0, 3, classes), (rows, 1)).astype(np.float32)


def near(estimates, truth) -> None:
    """Check the mean of estimates [n, ...] to 4 standard errors."""
    error = estimates.std(axis=0) / np.sqrt(len(estimates))
    assert (np.abs(estimates.mean(axis=0) - truth) < 4 * error + 1e-5).all()


@pytest.mark.parametrize("count", [5, 6, 100])
@pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 7, 5)])
def test_is_enumeration_when_every_class_is_among_the_top(count, shape):
    f, logits = Table(RNG.normal(size=5)), RNG.normal(size=shape)
    for found, expected in zip(read(TopM(count), f, logits), read(Enumeration(), f, logits), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 7, 5)])
def test_the_classes_have_one_axis_in_front_and_are_those_of_each_row(shape):
    f, logits = Table(np.arange(5.0)), RNG.normal(size=shape)
    value, gradient = read(TopM(count=2, draws=3), f, logits)
    assert f.shape == (5, *shape)
    assert value.shape == shape[:-1]
    assert gradient.shape == shape


def test_one_class_left_is_exact():
    f, logits = Table(RNG.normal(size=4)), RNG.normal(size=(50, 4))
    for found, expected in zip(read(TopM(count=3), f, logits), read(Enumeration(), f, logits), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_constant_has_no_variance():
    value, gradient = read(TopM(count=2), Table([3.0] * 50), peaked(200, 50))
    np.testing.assert_allclose(value, 3.0, rtol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


@pytest.mark.parametrize(("draws", "most"), [(1, 1.0), (3, 0.5)])
def test_varies_less_than_as_many_draws(draws, most):
    variances = np.zeros([2, 2])  # of value and gradient, ours and drawn; over many f, some of which suit draws
    for _ in range(20):
        f, logits = Table(RNG.normal(size=100)), peaked(500, 100)
        for way, gradient in enumerate((TopM(count=5, draws=draws), ScoreFunction(samples=5 + draws))):
            variances[way] += [found.var(axis=0).sum() for found in read(gradient, f, logits)]
    assert (variances[0] < most * variances[1]).all()


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4, 1e30])
def test_a_remainder_without_weight_leaves_finite_numbers(gap):
    f, logits = Table([1.0, 2.0, 3.0, 4.0]), np.array([[0.5, 0.0, -gap, -gap - 1.0]] * 3)
    for found, expected in zip(read(TopM(count=2), f, logits), read(Enumeration(), f, logits), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_remainder_is_as_precise_as_q():
    """1 − Q by subtraction would be 0 here, or rounding."""
    logits = np.array([[0.0, -20.0, -20.0]] * 4000)
    value, _ = read(TopM(count=1), Table([0.0, 1.0, 1.0]), logits)
    np.testing.assert_allclose(value, 2 * np.exp(-20.0), rtol=1e-5)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_jitted_is_the_same_up_to_rounding(count):
    f, logits, gradient = Table(RNG.normal(size=5)), peaked(2000, 5), TopM(count, draws=2)

    @tf.function(autograph=False, jit_compile=True)
    def jitted(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = gradient.expectation(f, {"y": one_hot(logits)}, SEED)
        return value, tape.gradient(value, logits)

    exact = read(Enumeration(), f, logits)
    for found, plain, truth in zip(jitted(tf.constant(logits)), read(gradient, f, logits), exact, strict=True):
        near(found.numpy().astype(float), truth[0])
        np.testing.assert_allclose(found, plain, atol=1e-5)


def test_draws_of_every_class_run_jitted():
    f, logits = Table(RNG.normal(size=5)), peaked(2000, 5)
    jitted = tf.function(
        lambda q: ScoreFunction().expectation(f, {"y": one_hot(q)}, SEED), autograph=False, jit_compile=True
    )
    near(jitted(tf.constant(logits)).numpy().astype(float), read(Enumeration(), f, logits)[0][0])


def test_what_is_refused():
    for settings, message in (
        ({"count": 0}, "'topm' needs count >= 1, got 0: use 'sample'"),
        ({"draws": 0}, "'topm' needs draws >= 1, got 0: use 'enumeration'"),
    ):
        with pytest.raises(ValueError, match=message):
            TopM(**settings)
    q = {name: one_hot(tf.zeros([2, 3])) for name in "ab"}
    with pytest.raises(ValueError, match=r"'topm' needs one variable, got \['a', 'b'\]: use 'enumeration' or"):
        TopM().expectation(Table([0.0] * 3), q, SEED)
    levels = {name: tfd.MultivariateNormalDiag(tf.zeros([2, 3])) for name in "ab"}  # one of them would be refused, too
    with pytest.raises(ValueError, match=r"'topm' needs a categorical variable; 'a' is .* 'pathwise' for continuous"):
        TopM().expectation(Table([0.0] * 3), levels, SEED)


def model_of(classes, latent) -> M2:
    """Return an M2 in which the class matters."""
    model = M2(6, classes, Bernoulli(resample=False), latent=latent, hidden=[5], classifier_hidden=[5])
    for weight in model.trainable_weights:
        weight.assign(np.random.default_rng(1).normal(0, 0.3 if "encoder" in weight.path else 0.8, weight.shape))
    return model


def test_unlabelled_bound_of_a_thousand_classes():
    classes, rows, direction = 1000, 100, RNG.normal(size=1000)
    model, x = model_of(classes, latent=1), np.array([[0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 0, 1]], np.float32)
    start = RNG.normal(0, 2, (2, classes)).astype(np.float32)

    def bound(class_gradient, gradient, x, logits, seed):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = Objective(Amortized(), gradient, class_gradient).unlabelled(model, x, seed, True, logits)
        return value, tf.linalg.matvec(tape.gradient(value, logits), tf.constant(direction, tf.float32))

    truth = [part.numpy() for part in bound(Enumeration(), Quadrature(16), x, tf.constant(start), SEED)]
    step = tf.function(lambda *a: bound(TopM(count=4, draws=2), Pathwise(), *a), autograph=False)
    tiled = tf.constant(np.repeat(x, rows, axis=0)), tf.constant(np.repeat(start, rows, axis=0))
    found = [step(*tiled, random.fold(SEED, i)) for i in range(20)]
    for part in range(2):
        estimates = np.stack([one[part].numpy().reshape(2, rows) for one in found])  # [seeds, 2, rows]
        near(estimates.transpose(0, 2, 1).reshape(-1, 2).astype(float), truth[part])


@pytest.mark.parametrize("gradient", [TopM(count=1), ScoreFunction(4)], ids=["topm", "sample"])
def test_classes_are_drawn_apart_from_the_latents(gradient):
    """As many latents as classes: with one seed for both they would share their bits."""
    model, rows = model_of(5, latent=5), 4000
    x, logits = tf.tile([[0.0, 1, 1, 0, 1, 0]], [rows, 1]), tf.tile([[0.3, 0.2, 0.1, 0.0, -0.1]], [rows, 1])

    def bounds(class_gradient):
        return Objective(Amortized(), Pathwise(), class_gradient).unlabelled(model, x, SEED, True, logits).numpy()

    exact, drawn = bounds(Enumeration()).astype(float), bounds(gradient).astype(float)
    error = np.sqrt((exact.var() + drawn.var()) / rows)
    assert abs(exact.mean() - drawn.mean()) < 4 * error
