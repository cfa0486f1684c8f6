"""What every likelihood of the table keeps to."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from ssvae.backend import engine, random
from ssvae.gradients.sleep_phase import sleep_phase
from ssvae.likelihoods import LIKELIHOODS
from ssvae.likelihoods.base import Likelihood
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.binomial import Binomial
from ssvae.likelihoods.gaussian import Gaussian

SEED = random.seed_tensor(0)


@pytest.fixture(params=LIKELIHOODS.names())
def name(request):
    return request.param


@pytest.fixture
def likelihood(name):
    return LIKELIHOODS.build(name)


def numbers(likelihood, shape, features, scale=1.0):
    return np.random.default_rng(1).normal(0, scale, (*shape, likelihood.outputs(features))).astype(np.float32)


def inside(likelihood, rows, features=3):
    """Return values that x may have, [rows, features]: the first row's are the least that are listed."""
    rng = np.random.default_rng(0)
    if likelihood.discrete and likelihood.independent_columns:
        x = rng.choice(likelihood.values(1)[:20, 0], (rows, features))  # of counts, small ones
        x[0] = likelihood.values(1).min()
    elif likelihood.discrete:
        listed = likelihood.values(features)
        x = listed[rng.integers(1, len(listed), rows)]
        x[0] = listed[0]
    else:
        (low, high), u = likelihood.support, rng.uniform(0.05, 0.95, (rows, features))
        if np.isinf([low, high]).all():
            x = np.log(u / (1 - u))
        elif np.isinf([low, high]).any():
            x = low + u / (1 - u) if np.isinf(high) else high - u / (1 - u)
        else:
            x = low + (high - low) * u
    return x.astype(np.float32)


def test_sums_or_integrates_to_one(likelihood):
    if likelihood.discrete:
        values = likelihood.values(1 if likelihood.independent_columns else 3)
        weight = multiplicity(values) if likelihood.in_order else np.ones(len(values))
    else:  # x = sinh(u), so that the grid is fine near 0 and reaches far into the tails
        low, high = np.arcsinh(np.clip(likelihood.support, -1e5, 1e5))
        u, step = np.linspace(low, high, 60_001, retstep=True)
        u = u[:-1] + step / 2  # the ends may be no values of x
        values, weight = np.sinh(u)[:, None].astype(np.float32), np.cosh(u) * step
    h = numbers(likelihood, (5,), values.shape[1])
    density = np.exp(likelihood(h[:, None, :]).log_prob(values).numpy().astype(float))
    assert density.shape == (5, len(values))
    np.testing.assert_allclose(density @ weight, 1.0, atol=1e-4)


def multiplicity(counts) -> np.ndarray:
    """In how many orders the words of each row of counts may stand."""
    return np.exp(special.gammaln(counts.sum(axis=1) + 1.0) - special.gammaln(counts + 1.0).sum(axis=1))


def test_values_are_those_that_are_drawn(likelihood):
    features = 1 if likelihood.independent_columns else 3
    if not likelihood.discrete:
        with pytest.raises(ValueError, match="is continuous: its values cannot be listed"):
            likelihood.values(features)
        return
    drawn = likelihood(numbers(likelihood, (5,), features)).sample(200, seed=SEED).numpy().reshape(-1, features)
    values = likelihood.values(features)
    assert np.abs(drawn[:, None] - values).max(axis=2).min(axis=1).max() < 1e-6
    assert likelihood.support[0] <= values.min() <= values.max() <= likelihood.support[1]


def test_shapes(likelihood):
    h = numbers(likelihood, (7, 2, 4), 3)
    p = likelihood(h)
    assert p.batch_shape == (7, 2, 4)
    assert p.event_shape == (3,)
    sample = p.sample(seed=SEED)
    assert sample.shape == (7, 2, 4, 3)
    assert sample.dtype == tf.float32
    assert p.mean().shape == (7, 2, 4, 3)
    low, high = likelihood.support
    assert low <= np.min(sample) <= np.max(sample) <= high
    assert p.log_prob(sample[0, 0]).shape == (7, 2, 4)
    np.testing.assert_array_equal(sample, p.sample(seed=SEED))


def test_log_prob_sums_over_columns(likelihood):
    """Columns are independent: each alone, by the numbers it owns, adds up to the whole."""
    if not likelihood.independent_columns:
        pytest.skip("columns are not independent")
    h = numbers(likelihood, (4,), 3)
    x = likelihood(h).sample(seed=SEED)
    per = likelihood.outputs(1)
    own = h.reshape(4, per, 3)  # the numbers of one kind stand side by side
    parts = [likelihood(own[:, :, d]).log_prob(x[:, d : d + 1]) for d in range(3)]
    np.testing.assert_allclose(likelihood(h).log_prob(x), sum(parts), rtol=1e-5)


def test_mean_of_draws_is_the_mean(likelihood):
    p = likelihood(numbers(likelihood, (2,), 3, 0.5))
    draws = p.sample(5000, seed=SEED).numpy()
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - p.mean()) < 4.5 * error).all()


@pytest.mark.parametrize("size", [0.0, 50.0, 1e4])
def test_gradient_is_finite_at_extreme_numbers(likelihood, size):
    for sign in (1.0, -1.0):
        h = tf.Variable(tf.fill([2, likelihood.outputs(3)], sign * size))
        with tf.GradientTape() as tape:
            value = likelihood(tf.convert_to_tensor(h)).log_prob(inside(likelihood, 2))
            total = tf.reduce_sum(value)
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(total, h)).all()


def test_the_engines_agree(likelihood):
    """Value, gradient, mean and what models make of x are the same where XLA compiles them; draws are below."""
    h = tf.constant(numbers(likelihood, (2, 6), 3, 2.0))
    x = tf.constant(inside(likelihood, 6))

    def everything(h):
        p = likelihood(h)
        with tf.GradientTape() as tape:
            tape.watch(h)
            value = likelihood(h).log_prob(x)
        return value, tape.gradient(value, h), p.mean(), likelihood.observe(x, SEED), likelihood.inputs(x)

    found = []
    for xla in (False, True):
        with engine.using(engine.Engine(xla=xla)):
            found.append([part.numpy() for part in tf.function(everything, autograph=False, jit_compile=xla)(h)])
    for graph, xla in zip(*found, strict=True):
        np.testing.assert_allclose(graph, xla, rtol=2e-5, atol=2e-5)


def test_draws_have_the_same_mean_with_either_engine(likelihood):
    """Draws are compiled apart, and by XLA where the likelihood says that it can (`samples_with_xla`)."""
    h = tf.constant(numbers(likelihood, (2, 6), 3, 0.5))
    for xla in (False, True) if likelihood.samples_with_xla else (False,):
        with engine.using(engine.Engine(xla=xla)):
            compiled = tf.function(lambda h: likelihood(h).sample(2000, seed=SEED), autograph=False, jit_compile=xla)
            draws = compiled(h).numpy()
            np.testing.assert_array_equal(draws, compiled(h))  # a function of the seed
        error = draws.std(axis=0) / np.sqrt(len(draws))
        assert (np.abs(draws.mean(axis=0) - likelihood(h).mean()) < 5 * error + 1e-3).all()


def test_a_sleep_phase_names_the_likelihood_that_xla_cannot_draw_from(monkeypatch):
    monkeypatch.setattr(Gaussian, "samples_with_xla", False)
    model = SimpleNamespace(likelihood=Gaussian())
    with (
        engine.using(engine.Engine(xla=True)),
        pytest.raises(ValueError, match="XLA cannot compile draws of likelihood Gaussian: use engine='graph'"),
    ):
        sleep_phase(None, model, None, SEED)


def test_observe_is_a_function_of_its_seed_and_scoreable(likelihood):
    grey = np.random.default_rng(0).uniform(size=(6, 3)).astype(np.float32)
    x = grey if likelihood.observes else inside(likelihood, 6)
    seen = likelihood.observe(x, SEED)
    assert seen.shape == x.shape
    np.testing.assert_array_equal(seen, likelihood.observe(x, SEED))
    assert np.isfinite(likelihood(numbers(likelihood, (6,), 3)).log_prob(seen)).all()
    assert likelihood.observes == (type(likelihood).observe is not Likelihood.observe)
    if not likelihood.observes:
        np.testing.assert_array_equal(seen, x)
    assert likelihood.inputs(x).shape == x.shape
    assert isinstance(likelihood, Likelihood)
    assert type(likelihood).from_config(likelihood.get_config()) == likelihood


def test_bernoulli_observes_binary_values_of_the_right_mean():
    greys = np.tile(np.array([0.0, 0.2, 0.9, 1.0], np.float32), (8000, 1))
    seen = Bernoulli().observe(greys, SEED).numpy()
    assert set(np.unique(seen)) == {0.0, 1.0}
    assert (seen[:, 0] == 0).all()
    assert (seen[:, 3] == 1).all()
    assert (np.abs(seen.mean(axis=0) - greys[0]) <= 4 * np.sqrt(greys[0] * (1 - greys[0]) / 8000)).all()
    assert (seen != Bernoulli().observe(greys, random.seed_tensor(1)).numpy()).any()
    np.testing.assert_array_equal(Bernoulli(resample=False).observe(greys, SEED), greys)


def test_bernoulli_is_scipys():
    h, x = numbers(Bernoulli(), (50,), 3, 2.0), np.random.default_rng(0).integers(0, 2, (50, 3)).astype(np.float32)
    truth = stats.bernoulli(1 / (1 + np.exp(-h.astype(float)))).logpmf(x).sum(axis=1)
    np.testing.assert_allclose(Bernoulli()(h).log_prob(x), truth, rtol=1e-5)
    np.testing.assert_allclose(Bernoulli()(h).mean(), 1 / (1 + np.exp(-h)), rtol=1e-5)


def test_binomial_is_scipys():
    h, counts = numbers(Binomial(), (50,), 3, 2.0), np.random.default_rng(0).integers(0, 6, (50, 3))
    truth = stats.binom(5, 1 / (1 + np.exp(-h.astype(float)))).logpmf(counts).sum(axis=1)
    p = Binomial(trials=5)(h)
    np.testing.assert_allclose(p.log_prob((counts / 5).astype(np.float32)), truth, rtol=1e-4, atol=1e-4)
    assert np.isin(np.round(p.sample(seed=SEED).numpy() * 5, 4), np.arange(6)).all()


def test_gaussian_is_scipys_above_its_floor():
    h, x = numbers(Gaussian(), (50,), 3), np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    for floor in (-6.0, -1.0):
        p = Gaussian(floor)(h)
        log_variance = floor + np.logaddexp(0, h[:, 3:].astype(float) - floor)
        truth = stats.norm(h[:, :3], np.exp(log_variance / 2)).logpdf(x).sum(axis=1)
        np.testing.assert_allclose(p.log_prob(x), truth, rtol=1e-4, atol=1e-4)
    deep = Gaussian(-6.0)(np.array([[0.0, -1e4]], np.float32))
    np.testing.assert_allclose(deep.stddev(), np.exp(-3), rtol=1e-5)


def test_dequantised_levels_fill_their_cells():
    likelihood = Gaussian(dequantize=4)
    levels = np.tile(np.arange(4, dtype=np.float32) / 3, (4000, 1))
    seen = likelihood.observe(levels, SEED).numpy()
    assert (np.floor(seen * 4) == np.arange(4)).all()
    assert stats.kstest((seen * 4 - np.arange(4)).ravel(), "uniform").pvalue > 0.01
    np.testing.assert_array_equal(Gaussian().observe(levels, SEED), levels)
    assert likelihood.support == (0, 1)
    assert Gaussian().support == (-np.inf, np.inf)
    with pytest.raises(ValueError, match=r"dequantize of likelihood 'gaussian' must be 0 .* or >= 2 levels, got 1"):
        Gaussian(dequantize=1)


def test_a_dequantised_density_bounds_the_probability_of_the_levels():
    """The mean of log p(x') - log n over the noise stays below log of the density's mass in the cell."""
    likelihood, h = Gaussian(-10.0, dequantize=256), np.array([[0.4, np.log(0.02**2)]], np.float32)
    level, deviation = 105, np.exp(0.5 * (-10 + np.logaddexp(0, np.log(0.02**2) + 10)))
    x = np.full((20_000, 1), level / 255, np.float32)
    bound = likelihood(h).log_prob(likelihood.observe(x, SEED)).numpy().mean() - np.log(256)
    truth = np.log(np.diff(stats.norm(0.4, deviation).cdf([level / 256, (level + 1) / 256])))[0]
    assert bound <= truth
    assert truth - bound < 2e-3
