"""The hierarchy of latents: its densities, its two posteriors, and a fit from end to end."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.stats import multivariate_normal, norm

import ssvae
from ssvae import SSVAEClassifier
from ssvae.backend import engine, random
from ssvae.distributions import LOG_VARIANCE_RANGE, given
from ssvae.gradients.base import draw
from ssvae.gradients.pathwise import Pathwise
from ssvae.inference.amortized import Amortized
from ssvae.inference.evidence import Evidence
from ssvae.inference.importance_weighted import ImportanceWeighted
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.hierarchical import Hierarchical
from ssvae.models.ladder import combined

RNG = np.random.default_rng(0)
D, LATENT = 5, (4, 3, 2)
X = RNG.uniform(size=(6, D)).round().astype(np.float32)
SEED = random.seed_tensor(1)
TOP_DOWN = ["none", "ladder"]


def model(likelihood=None, **settings) -> Hierarchical:
    """Return a small model of three levels whose every weight differs from its start."""
    arguments = {"latent": LATENT, "hidden": (8, 7, 6), "depth": 1, "activation": "tanh", **settings}
    made = Hierarchical(D, likelihood or Bernoulli(), **arguments)
    rng = np.random.default_rng(3)
    for weight in made.trainable_weights:
        weight.assign(np.array(weight) + 0.2 * rng.normal(size=weight.shape))
    return made


def drawn(own, x=X):
    q = own.posterior(own.encode(x))
    return q, draw(q, 1, SEED)


def test_names_and_widths():
    own = model()
    assert list(own.joint()) == ["z3", "z2", "z1", "x"]
    assert {name: tuple(v.shape) for name, v in own.encode(X).items()} == {"z1": (6, 8), "z2": (6, 6), "z3": (6, 4)}
    assert list(own.posterior(own.encode(X))) == ["z3", "z2", "z1"]
    assert own.latents(X).shape == (6, sum(LATENT))
    means = own.posterior_means(X)
    np.testing.assert_array_equal(own.latents(X), np.concatenate([means["z1"], means["z2"], means["z3"]], axis=1))
    fresh = Hierarchical(D, Bernoulli())
    assert (fresh.latent, fresh.hidden) == ((64, 32), (512, 256))
    for name, value in fresh.encode(X).items():
        log_variance = np.split(value, 2, axis=1)[1]
        np.testing.assert_array_equal(log_variance, np.zeros_like(log_variance), err_msg=name)
    one = Hierarchical(D, Bernoulli(), latent=3, hidden=4)
    assert (one.latent, one.hidden) == ((3, 3), (4, 4))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latent": [3]}, r"latent must give 2 levels or more, got \[3\]: for one level use 'm1'"),
        ({"hidden": [4, 5]}, r"hidden must give one width a level, got \[4, 5\] .*: give 3 numbers"),
        ({"depth": -1}, "depth must be an integer >= 0, got -1"),
        ({"top_down": "up"}, r"top_down must be one of \['none', 'ladder'\], got 'up'"),
        ({"generator_sees": "top"}, r"generator_sees must be one of \['bottom', 'all'\], got 'top'"),
        ({"skip": "residual"}, "skip must be one of"),
        ({"latent": [3, 0], "hidden": 3}, "latent and hidden must be at least 1"),
    ],
)
def test_what_makes_no_hierarchy_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        model(**settings)


@pytest.mark.parametrize("sees", ["bottom", "all"])
def test_joint_is_the_sum_of_its_parts(sees):
    own = model(generator_sees=sees)
    _, values = drawn(own)
    z1, z2, z3 = (np.array(values[name], np.float64) for name in ("z1", "z2", "z3"))
    parts = norm.logpdf(z3).sum(axis=1)
    for z, above, network in ((z2, z3, own.priors[1]), (z1, z2, own.priors[0])):
        mean, log_variance = np.split(np.array(network(above.astype(np.float32)), np.float64), 2, axis=1)
        parts += norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(axis=1)
    seen = (z1, z2, z3) if sees == "all" else (z1,)
    logits = np.array(own.decoder(*(z.astype(np.float32) for z in seen)), np.float64)
    parts += (X * logits - np.logaddexp(0, logits)).sum(axis=1)
    found = sum(given(p, values).log_prob(X if name == "x" else values[name]) for name, p in own.joint().items())
    np.testing.assert_allclose(found, parts, rtol=1e-5)


def test_ladder_is_the_precision_weighted_combination():
    own = model(top_down="ladder")
    q, values = drawn(own)
    numbers = own.encode(X)
    for level, above in ((1, "z3"), (0, "z2")):
        name = own.levels[level]
        mean, log_variance = np.split(np.array(numbers[name], np.float64), 2, axis=1)
        prior = given(own.joint()[name], values)
        prior_mean, prior_precision = np.array(prior.mean(), np.float64), np.array(prior.stddev(), np.float64) ** -2
        variance = 1 / (np.exp(-log_variance) + prior_precision)
        found = given(q[name], {above: values[above]})
        expected = variance * (mean * np.exp(-log_variance) + prior_mean * prior_precision)
        np.testing.assert_allclose(found.mean(), expected, atol=1e-5)
        np.testing.assert_allclose(found.stddev(), np.sqrt(variance), rtol=1e-5)
    assert isinstance(q["z3"], tfp.distributions.Distribution)


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("own", [-1e4, -15.0, 0.0, 15.0, 1e4])
@pytest.mark.parametrize("prior", [-1e4, -15.0, 0.0, 15.0, 1e4])
def test_combination_is_safe_at_extreme_variances(own, prior, xla):
    arguments = [tf.constant([[value]]) for value in (2.0, own, -3.0, prior)]

    def function():
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            found = combined(arguments[:2], arguments[2:])
        return (*found, *tape.gradient(found, arguments))

    with engine.using(engine.Engine(xla=xla)):
        mean, log_variance, *gradients = tf.function(function, autograph=False, jit_compile=xla)()
    a, b = np.clip([own, prior], *LOG_VARIANCE_RANGE)
    expected = -np.logaddexp(-a, -b)
    np.testing.assert_allclose(log_variance, [[expected]], rtol=1e-6, atol=2e-5)
    np.testing.assert_allclose(mean, [[np.exp(expected - a) * 2 + np.exp(expected - b) * -3]], atol=1e-4)
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize("top_down", TOP_DOWN)
def test_every_level_has_its_kl_in_closed_form(top_down):
    own, rows = model(top_down=top_down), np.repeat(X[:1], 20_000, axis=0)
    q, values = drawn(own, rows)
    evidence = Evidence(own.joint(), q, rows)
    closed, sampled = evidence.closed_form(values), evidence(values)
    assert not closed.negative_log_posterior
    for name in own.levels:
        difference = sampled.log_prior[name] + sampled.negative_log_posterior[name] - closed.log_prior[name]
        assert abs(np.mean(difference)) < 4 * np.std(difference) / np.sqrt(len(rows)), name


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("training", [False, True])
def test_with_nothing_known_the_ladder_is_the_prior(training, normalization):
    own = model(top_down="ladder", normalization=normalization)
    start = own.prior_parameters(X, None)
    assert {name: tuple(v.shape) for name, v in start.items()} == {"z1": (6, 8), "z2": (6, 6), "z3": (6, 4)}
    q = own.posterior(start)
    with engine.using(engine.Engine(training=training)):
        kl = Evidence(own.joint(), q, X).closed_form(draw(q, 1, SEED)).log_prior
    for name in own.levels:
        np.testing.assert_allclose(kl[name], np.zeros(6), atol=1e-4, err_msg=name)


def test_with_nothing_known_the_others_are_the_prior_at_the_means():
    own = model(normalization="batch")
    with engine.using(engine.Engine(training=True)):
        before = own.get_weights()
        start = own.prior_parameters(X, None)
    for a, b in zip(own.get_weights(), before, strict=True):  # one row teaches batch normalisation nothing
        np.testing.assert_array_equal(a, b)
    q, values = own.posterior(start), {}
    for name, conditional in q.items():
        values[name] = given(conditional, values).mean()
    for name, value in Evidence(own.joint(), q, X).closed_form(values).log_prior.items():
        np.testing.assert_allclose(value, np.zeros(6), atol=1e-5, err_msg=name)


def linear(top_down: str) -> tuple[Hierarchical, multivariate_normal]:
    """Return an affine hierarchy of two levels, q close to its posterior, and p(x)."""
    own = Hierarchical(3, Gaussian(), latent=(2, 1), hidden=1, depth=0, top_down=top_down)
    noise_variance, spread = 0.3, np.array([0.5, 0.8])
    up, out = RNG.normal(size=(1, 2)), RNG.normal(size=(2, 3))
    raw = np.log(np.expm1(np.log(noise_variance) + 6.0)) - 6.0  # what the likelihood's floor turns into the variance
    own.priors[0].first[0].assign(np.concatenate([up, np.zeros((1, 2))], axis=1))
    own.priors[0].biases[0].assign(np.concatenate([[0.3, -0.2], np.log(spread)]))
    own.decoder.first[0].assign(np.concatenate([out, np.zeros((2, 3))], axis=1))
    own.decoder.biases[0].assign(np.concatenate([[0.1, 0.2, 0.3], np.full(3, raw)]))
    of_z1 = up.T @ up + np.diag(spread)
    mean, covariance = np.array([0.3, -0.2]) @ out + [0.1, 0.2, 0.3], out.T @ of_z1 @ out + noise_variance * np.eye(3)
    gains = [of_z1 @ out @ np.linalg.inv(covariance), up @ out @ np.linalg.inv(covariance)]  # of E[z | x]
    variances = [of_z1 - gains[0] @ out.T @ of_z1, np.eye(1) - gains[1] @ out.T @ up.T]
    for network, gain, variance, start in zip(own.encoders, gains, variances, ([0.3, -0.2], [0.0]), strict=True):
        network.first[0].assign(np.concatenate([gain.T, np.zeros((3, len(gain)))], axis=1))
        network.biases[0].assign(np.concatenate([start - gain @ mean, np.log(np.diag(variance))]))
    return own, multivariate_normal(mean, covariance)


@pytest.mark.parametrize("top_down", TOP_DOWN)
def test_bounds_are_below_the_log_density_of_an_affine_hierarchy(top_down):
    own, p = linear(top_down)
    x = np.array([[0.5, -1.0, 0.2], [2.0, 0.0, -1.0], [0.1, 0.2, 0.3]], np.float32)
    rows, log_p = np.repeat(x, 4000, axis=0), p.logpdf(x)
    means, errors = [], []
    for inference in (Amortized(), ImportanceWeighted(50)):
        found = np.array(inference.bound(own, rows, None, Pathwise(), SEED)).reshape(3, -1)
        means.append(found.mean(axis=1))
        errors.append(found.std(axis=1) / np.sqrt(found.shape[1]))
    assert (means[0] < log_p + 4 * errors[0]).all()
    assert (means[0] > log_p - 3.0).all()
    assert (means[1] < log_p + 4 * errors[1]).all()
    np.testing.assert_allclose(means[1], log_p, atol=0.1)


@pytest.mark.parametrize("top_down", TOP_DOWN)
def test_only_the_ladder_listens_to_the_level_above(top_down):
    own = model(top_down=top_down)
    q, values = drawn(own)
    means = [given(q["z2"], {"z3": values["z3"] + shift}).mean() for shift in (0.0, 1.0)]
    assert (np.abs(means[1] - means[0]).max() > 1e-2) == (top_down == "ladder")


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("top_down", TOP_DOWN)
def test_bound_has_a_gradient_by_every_weight(top_down, samples):
    own = model(top_down=top_down, generator_sees="all", skip="highway", depth=2)
    with tf.GradientTape() as tape:
        bound = Amortized().bound(own, X, None, Pathwise(samples), SEED)
        loss = tf.reduce_mean(bound)
    assert bound.shape == (6,)
    for weight, gradient in zip(
        own.trainable_weights, tape.gradient(loss, [w.value for w in own.trainable_weights]), strict=True
    ):
        assert np.abs(gradient).max() > 0, weight.path


def test_encoded_rows_do_not_depend_on_each_other_outside_training():
    own = model(normalization="batch", depth=2)
    with engine.using(engine.Engine(training=True)):
        together = own.encode(X)
        apart = own.encode(X[:3])
    assert np.abs(together["z1"][:3] - apart["z1"]).max() > 1e-3
    for name, value in own.encode(X).items():
        np.testing.assert_allclose(own.encode(X[2:3])[name], value[2:3], atol=1e-5)


ROWS = np.concatenate([RNG.normal(mean, 0.5, (40, 4)) for mean in (-1, 1)]).astype(np.float32)
TRUTH = np.repeat([0, 1], 40)
Y = np.where(np.arange(80) % 4 == 0, TRUTH, -1)


def fitted(**settings) -> SSVAEClassifier:
    slot = {"name": "hierarchical", "latent": [3, 2], "hidden": 6, "depth": 1, **settings}
    return SSVAEClassifier(slot, epochs=20, batch_size=20, learning_rate=1e-2, engine="graph", random_state=0).fit(
        ROWS, Y
    )


EVERYTHING = {"normalization": "batch", "top_down": "ladder", "skip": "highway", "depth": 2, "generator_sees": "all"}


@pytest.mark.parametrize("settings", [{}, pytest.param(EVERYTHING, marks=pytest.mark.slow)])
def test_fit(settings, tmp_path):
    """XLA's steps of everything are compared in tests/backend/test_engine.py."""
    graph = fitted(**settings)
    assert graph.score(ROWS, TRUTH) > 0.9
    assert graph.history_["loss"][-1] < graph.history_["loss"][0]
    graph.save(tmp_path / "saved")
    loaded = ssvae.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.transform(ROWS), graph.transform(ROWS))
    np.testing.assert_array_equal(loaded.predict_proba(ROWS), graph.predict_proba(ROWS))
    assert (graph.transform(ROWS).shape, graph.sample(3).shape) == ((80, 5), (3, 4))
    assert np.isfinite(graph.bound(ROWS)).all()
    np.testing.assert_allclose(graph.transform(ROWS[:7]), graph.transform(ROWS)[:7], atol=1e-5)
