"""Counts of words, against scipy's multinomial and the derivative of the plain formula."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ssvae.backend import engine, random
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.multinomial import Multinomial

SEED = random.seed_tensor(0)
COUNTS = np.random.default_rng(0).poisson(0.7, (50, 6)).astype(np.float32)


def numbers(shape, words, scale=1.0):
    return np.random.default_rng(1).normal(0, scale, (*shape, words)).astype(np.float32)


def test_multinomial_is_scipys():
    h = numbers((50,), 6, 2.0)
    q = np.exp(h.astype(float)) / np.exp(h.astype(float)).sum(axis=1, keepdims=True)
    truth = np.array([stats.multinomial(x.sum(), p).logpmf(x) for x, p in zip(COUNTS, q, strict=True)])
    np.testing.assert_allclose(Multinomial(coefficient=True)(h).log_prob(COUNTS), truth, rtol=1e-5, atol=1e-4)
    in_order = Multinomial()(h)
    np.testing.assert_allclose(in_order.log_prob(COUNTS), (COUNTS * np.log(q)).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(in_order.mean(), q, rtol=1e-5)
    np.testing.assert_array_equal(in_order.log_prob(np.zeros((50, 6), np.float32)), 0)


@pytest.mark.parametrize(("rows", "outputs"), [((50,), (50,)), ((50,), (3, 50)), ((3, 50), (50,)), ((3, 50), (1, 50))])
@pytest.mark.parametrize("xla", [False, True])
def test_multinomial_has_the_gradient_of_its_plain_form(rows, outputs, xla):
    """The spelt-out gradient, by the outputs and by the counts, over axes that one of the two lacks."""
    h = tf.constant(numbers(outputs, 6))
    x = tf.constant(np.broadcast_to(COUNTS, (*rows, 6)).copy())

    def plain(x, h):
        return tf.reduce_sum(x * tf.nn.log_softmax(h), -1)

    def gradients(score):
        with tf.GradientTape() as tape:
            tape.watch((x, h))
            value = score(x, h)
            total = tf.reduce_sum(value * tf.cast(tf.range(tf.size(value)), tf.float32)[: tf.shape(value)[-1]])
        return value, *tape.gradient(total, (x, h))

    with engine.using(engine.Engine(xla=xla)):
        found = tf.function(
            lambda: gradients(lambda x, h: Multinomial()(h).log_prob(x)), autograph=False, jit_compile=xla
        )()
    for one, other in zip(found, gradients(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("coefficient", [False, True])
def test_multinomial_sums_to_one_over_the_counts_of_some_words(coefficient):
    likelihood = Multinomial(coefficient=coefficient, length=4)
    counts = likelihood.values(3)
    assert len(counts) == 15  # 6 choose 2
    orders = np.array([math.factorial(4) / math.prod(math.factorial(int(n)) for n in row) for row in counts])
    each = np.exp(likelihood(numbers((5, 1), 3)).log_prob(counts).numpy().astype(float))
    np.testing.assert_allclose((each * (1.0 if coefficient else orders)).sum(axis=1), 1.0, atol=1e-5)
    assert likelihood.in_order == (not coefficient)


def test_multinomial_draws_documents_of_the_length():
    p = Multinomial(length=7)(numbers((2,), 3))
    drawn = p.sample(3000, seed=SEED).numpy()
    assert (drawn.sum(axis=-1) == 7).all()
    np.testing.assert_allclose(drawn.mean(axis=0), p.mean(), atol=0.15)
    np.testing.assert_allclose(drawn.var(axis=0), p.mean() * (1 - p.mean() / 7), rtol=0.15)
    with pytest.raises(ValueError, match="length of likelihood 'multinomial' must be >= 1 word, got 0"):
        Multinomial(length=0)


def test_networks_see_logarithms_of_counts():
    np.testing.assert_allclose(Multinomial().inputs(COUNTS), np.log(1 + COUNTS), rtol=1e-6)
    np.testing.assert_array_equal(Bernoulli().inputs(COUNTS), COUNTS)


def test_networks_may_see_rows_that_are_pushed_below_zero():
    """Virtual adversarial perturbations know no counts; the slope has no jump at 0."""
    x = tf.constant([-3.0, -1e-6, 0.0, 1e-6, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        seen = Multinomial().inputs(x)
    np.testing.assert_allclose(seen, [-3.0, -1e-6, 0.0, 1e-6, np.log(3.0)], rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(seen, x), [1, 1, 1, 1, 1 / 3], rtol=1e-5)
