"""Columns of different kinds, with missing cells, against scipy and against the likelihoods of each kind alone."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ssvae.backend import engine, random
from ssvae.likelihoods import LIKELIHOODS
from ssvae.likelihoods.categorical import Categorical
from ssvae.likelihoods.mixed import Mixed

COLUMNS = (
    "gaussian",
    "categorical",
    "categorical",
    "bernoulli",
    "gaussian",
    "categorical",
    "categorical",
    "categorical",
    "poisson",
)
SIZES = (2, 3)
SEED = random.seed_tensor(0)


def rows(count, rng):
    x = np.zeros((count, 9), np.float32)
    x[:, [0, 4]] = rng.normal(size=(count, 2))
    x[np.arange(count), 1 + rng.integers(2, size=count)] = 1
    x[:, 3] = rng.integers(2, size=count)
    x[np.arange(count), 5 + rng.integers(3, size=count)] = 1
    x[:, 8] = rng.poisson(2, size=count)
    return x


def softmax(h):
    e = np.exp(h - h.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def each_by_scipy(h, x):
    """log p of the six variables: two real, one of two values, one of three, one binary, one count."""
    h = h.astype(float)
    mean, log_variance = h[:, :2], -6 + np.logaddexp(0, h[:, 2:4] + 6)
    real = stats.norm(mean, np.exp(log_variance / 2)).logpdf(x[:, [0, 4]])
    two, three = np.log(softmax(h[:, 4:6])), np.log(softmax(h[:, 7:10]))
    binary = stats.bernoulli(1 / (1 + np.exp(-h[:, 10]))).logpmf(x[:, 3])
    count = stats.poisson(np.exp(-15 + np.logaddexp(0, h[:, 11] + 15))).logpmf(x[:, 8])
    return np.stack([*real.T, (two * x[:, 1:3]).sum(1), (three * x[:, 5:8]).sum(1), binary, count], axis=1)


def numbers(likelihood, count, features, rng):
    return rng.normal(0, 1, (count, likelihood.outputs(features))).astype(np.float32)


def test_a_row_has_the_sum_of_its_columns():
    rng, likelihood = np.random.default_rng(0), Mixed(COLUMNS, SIZES)
    h, x = numbers(likelihood, 40, 9, rng), rows(40, rng)
    assert h.shape[1] == 4 + 6 + 1 + 1  # of the variable with two values, the third logit is not used
    np.testing.assert_allclose(likelihood(h).log_prob(x), each_by_scipy(h, x).sum(axis=1), rtol=1e-4, atol=1e-4)


def test_missing_cells_are_left_out_and_the_others_count_as_before():
    rng, likelihood = np.random.default_rng(1), Mixed(COLUMNS, SIZES, gaps=(8, 0, 3))
    there = rng.integers(2, size=(60, 6)).astype(bool)  # as in `each_by_scipy`
    h, x = numbers(likelihood, 60, 12, rng), rows(60, rng)
    truth = (each_by_scipy(h, x) * (there | [False, True, False, False, False, False])).sum(axis=1)
    x[~there[:, 2], 1:3], x[~there[:, 3], 5:8] = 0, 0
    x[~there[:, 0], 0], x[~there[:, 4], 3], x[~there[:, 5], 8] = 7.0, 1, 3  # whatever stands there
    flagged = np.concatenate([x, there[:, [5, 0, 4]]], axis=1).astype(np.float32)
    np.testing.assert_allclose(likelihood(h).log_prob(flagged), truth, rtol=1e-4, atol=1e-4)
    with tf.GradientTape() as tape:
        watched = tf.Variable(h)
        score = likelihood(tf.convert_to_tensor(watched)).log_prob(flagged)
    gradient = tape.gradient(score, watched).numpy()
    assert (gradient[~there[:, 0]][:, [0, 2]] == 0).all()  # mean and log-variance of the first column
    assert (gradient[there[:, 0]][:, [0, 2]] != 0).any(axis=1).all()


def test_a_column_that_is_never_there_gives_the_bound_without_it():
    rng = np.random.default_rng(2)
    with_gap, without = Mixed(("gaussian", "poisson"), gaps=(0,)), Mixed(("poisson",))
    h, x = numbers(with_gap, 20, 3, rng), rng.poisson(3, (20, 1)).astype(np.float32)
    flagged = np.concatenate([np.zeros((20, 1)), x, np.zeros((20, 1))], axis=1).astype(np.float32)
    np.testing.assert_allclose(with_gap(h).log_prob(flagged), without(h[:, 2:]).log_prob(x), rtol=1e-6)


def test_draws_and_means_stand_in_the_columns_of_their_kind():
    rng, likelihood = np.random.default_rng(3), Mixed(COLUMNS, SIZES, gaps=(4,))
    p = likelihood(numbers(likelihood, 3, 10, rng))
    draws = p.sample(4000, seed=SEED).numpy()
    assert draws.shape == (4000, 3, 10)
    assert set(np.unique(draws[..., [1, 2, 3, 5, 6, 7]])) == {0.0, 1.0}
    np.testing.assert_array_equal(draws[..., 1:3].sum(-1), 1)
    np.testing.assert_array_equal(draws[..., 5:8].sum(-1), 1)
    np.testing.assert_array_equal(draws[..., 9], 1)  # every cell is drawn
    assert (draws[..., 8] == np.round(draws[..., 8])).all()
    error = draws.std(axis=0) / np.sqrt(4000) + 1e-6
    assert (np.abs(draws.mean(axis=0) - p.mean()) < 4.5 * error).all()


@pytest.mark.parametrize("xla", [False, True])
def test_every_kind_is_its_own_likelihood_under_both_engines(xla):
    rng = np.random.default_rng(4)
    for kind, settings in {"gaussian": {}, "student_t": {}, "poisson": {}, "bernoulli": {"resample": False}}.items():
        alone, mixed = LIKELIHOODS.build({"name": kind, **settings}), Mixed((kind,) * 3)
        h = numbers(alone, 5, 3, rng)
        x = rng.integers(2, size=(5, 3)).astype(np.float32)
        with engine.using(engine.Engine(xla=xla)):
            found = tf.function(lambda: mixed(h).log_prob(x), autograph=False, jit_compile=xla)()  # noqa: B023
        np.testing.assert_allclose(found, alone(h).log_prob(x), rtol=1e-5)
        np.testing.assert_allclose(mixed.inputs(x), alone.inputs(x))


def test_categorical_variables_of_unequal_sizes_sum_to_one():
    likelihood = Categorical((3, 1, 2))
    values = likelihood.values(6)
    assert values.shape == (6, 6)
    h = numbers(likelihood, 4, 6, np.random.default_rng(5))
    np.testing.assert_allclose(np.exp(likelihood(h[:, None]).log_prob(values)).sum(axis=1), 1.0, rtol=1e-5)
    assert (likelihood(h).log_prob(np.zeros((4, 6), np.float32)).numpy() == 0).all()  # nothing is known of such a row


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"columns of likelihood 'mixed' may be .* got \['normal'\]"):
        Mixed(("normal",))
    with pytest.raises(ValueError, match="columns of likelihood 'mixed' must be a list of str, got 5"):
        Mixed(5)
    with pytest.raises(ValueError, match=r"sizes of likelihood 'categorical' must be a list of int, got \[2.0\]"):
        Categorical([2.0])
    with pytest.raises(ValueError, match="must add up to its 2 categorical columns"):
        Mixed(("categorical", "categorical"), (3,))
    with pytest.raises(ValueError, match="gaps of likelihood 'mixed' must be different numbers of columns"):
        Mixed(("gaussian",), gaps=(1,))
    with pytest.raises(ValueError, match="has 1 columns and 0 of them with gaps, and x has 2"):
        Mixed(("gaussian",)).outputs(2)
    with pytest.raises(ValueError, match="3 columns in all, and x has 4"):
        Categorical((1, 2)).outputs(4)
