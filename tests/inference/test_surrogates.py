"""What a recognition network and a decoder learn from a refinement, by hand and by differences."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.backend.surrogates import detached
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.quadrature import Quadrature
from ssvae.inference.amortized import Amortized
from ssvae.inference.base import BoundArguments
from ssvae.inference.evidence import elbo
from ssvae.inference.gradient_refined import ENCODERS, GradientRefined
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.capabilities import HasDensity
from ssvae.models.hierarchical import Hierarchical

SEED = random.seed_tensor(1)
EXACT, TRAINING = Quadrature(8), engine.Engine(training=True)
BINARY = np.random.default_rng(0).uniform(size=(6, 5)).round().astype(np.float32)


class GivenStart(HasDensity):
    """A model whose recognition network returns a given λ, and which keeps the λ that are found."""

    def __init__(self, model, start):
        self.start, self.model = start, model

    def joint(self, y=None):
        return self.model.joint(y)

    def posterior(self, parameters):
        return self.model.posterior(parameters)

    def encode(self, x, y):
        return {"z": tf.convert_to_tensor(self.start)}

    def recognise(self, x, y, infer):
        self.found = infer(self, x, y)
        return self.found


@pytest.fixture
def started(linear_gaussian):
    """Return a model with its start as a variable, far from the best and another for every row."""
    own = linear_gaussian()
    off = np.float32([[0.3, -0.5, 0.8, -0.4], [1.0, 0.2, 0.1, 0.5], [0.0, 0.4, -0.9, 0.2], [-0.6, 0.1, 0.3, 0.3]])
    model = GivenStart(own, tf.Variable(own.encode(tf.constant(linear_gaussian.x), None)["z"] + off))
    model.x, own.loading = linear_gaussian.x, tf.Variable(own.loading)
    return model


def learnt(model, by, gradient=EXACT, **settings):
    """Return the bound of each row and the gradient of their sum."""
    method = GradientRefined(**{"steps": 3, **settings})
    with tf.GradientTape() as tape:
        bound = method.bound(model, model.x, None, gradient, SEED, training=True)
        total = tf.reduce_sum(bound)
    return bound.numpy(), tape.gradient(total, by).numpy()


@pytest.mark.parametrize("line_search", [False, True])
def test_encoder_learns_the_closed_form_gradient_of_kl(line_search, started):
    bound, found = learnt(started, started.start, encoder="kl", line_search=line_search, samples=10)
    mean, log_variance = np.split(started.start.numpy().astype(float), 2, axis=1)
    refined, log_refined = np.split(started.found["z"].numpy().astype(float), 2, axis=1)
    assert np.abs(refined - mean).max() > 0.1
    by_mean = (refined - mean) / np.exp(log_variance)
    by_log_variance = -0.5 * (1.0 - (np.exp(log_refined) + (refined - mean) ** 2) / np.exp(log_variance))
    np.testing.assert_allclose(found, np.concatenate([by_mean, by_log_variance], axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(bound, elbo(BoundArguments(started, started.x, None, EXACT, SEED), started.found))


def test_encoder_learns_the_gradient_of_its_own_bound(started, linear_gaussian):
    rows = 200
    started.x = np.repeat(started.x, rows, axis=0)
    started.start = tf.Variable(np.repeat(started.start.numpy(), rows, axis=0))
    bound, found = learnt(started, started.start, Pathwise(), encoder="bound", samples=10)
    found = found.reshape(4, rows, -1)
    truth = linear_gaussian().gradient(started.x, started.start.numpy()).reshape(4, rows, -1)[:, 0]
    assert (np.abs(found.mean(axis=1) - truth) < 4 * found.std(axis=1) / np.sqrt(rows) + 1e-4).all()
    np.testing.assert_array_equal(
        bound,
        elbo(BoundArguments(started, started.x, None, Pathwise(), SEED), started.found),
    )


@pytest.mark.parametrize("settings", [{}, {"metric": "plain", "rate": 0.1, "decay": "constant"}, {"samples": 2}])
def test_through_is_the_derivative_of_what_follows_from_the_start(settings, started):
    """By differences of the bound, for the encoder and for the decoder, which also moves λ_T."""
    settings, rng = {"encoder": "through", "steps": 2, **settings}, np.random.default_rng(0)
    for variable in (started.start, started.model.loading):
        found, before = learnt(started, variable, **settings)[1], variable.numpy()
        for _ in range(3):
            way, ends = rng.normal(size=before.shape), []
            for length in (-0.01, 0.01):
                variable.assign(before + length * way)
                ends.append(learnt(started, variable, **settings)[0].astype(float).sum())
            variable.assign(before)
            assert (found * way).sum() == pytest.approx((ends[1] - ends[0]) / 0.02, rel=0.01, abs=0.02)


@pytest.mark.parametrize("line_search", [False, True])
@pytest.mark.parametrize("encoder", ENCODERS[:2])
def test_decoder_learns_at_the_refined_numbers_held_still(encoder, line_search, started):
    loading = started.model.loading
    found = learnt(started, loading, encoder=encoder, line_search=line_search)[1]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(
            elbo(
                BoundArguments(started, started.x, None, EXACT, SEED),
                detached(started.found),
            )
        )
    np.testing.assert_array_equal(found, tape.gradient(total, loading))
    with tf.GradientTape() as tape:
        before = tf.reduce_sum(
            elbo(
                BoundArguments(started, started.x, None, EXACT, SEED),
                detached(started.encode(None, None)),
            )
        )
    assert np.abs(found - tape.gradient(before, loading)).max() > 0.1


def test_a_network_that_is_right_already_has_nothing_to_learn(started, linear_gaussian):
    """At an exact posterior the gradient has no noise, so that all ways of learning agree on nothing."""
    own = linear_gaussian(error=0.0, loading=linear_gaussian.orthogonal)
    model = GivenStart(own, tf.Variable(own.best(started.x).astype(np.float32)))
    model.x = started.x
    for encoder in ENCODERS:
        bound, found = learnt(model, model.start, encoder=encoder)
        np.testing.assert_allclose(found, np.zeros_like(found), atol=2e-3, err_msg=encoder)
        np.testing.assert_allclose(bound, own.log_evidence(started.x), atol=1e-4)


def hierarchy(**settings) -> Hierarchical:
    """Return a small hierarchy, its weights off their start, whose batch normalisation has seen rows."""
    made = Hierarchical(5, Bernoulli(), latent=(3, 2), hidden=6, depth=1, activation="tanh", **settings)
    rng = np.random.default_rng(3)
    for weight in made.trainable_weights:
        weight.assign(np.array(weight) + 0.3 * rng.normal(size=weight.shape))
    with engine.using(TRAINING):
        Amortized().bound(made, BINARY, None, Pathwise(), SEED)
    return made


def test_kl_of_every_level_is_in_the_surrogate():
    model = hierarchy()
    start = model.encode(BINARY)
    method, variables = GradientRefined(steps=3), {name: tf.Variable(value) for name, value in start.items()}
    with tf.GradientTape() as tape:
        numbers = {name: tf.convert_to_tensor(variable) for name, variable in variables.items()}
        refined, learning = method.refine(RefinementObjective(model, BINARY, None, 1), numbers, 3, SEED, training=True)
        total = tf.reduce_sum(learning)
    for name, gradient in tape.gradient(total, variables).items():
        mean, log_variance, to, log_to = (
            half for numbers in (start, refined) for half in np.split(numbers[name].numpy().astype(float), 2, axis=1)
        )
        by_log_variance = -0.5 * (1.0 - (np.exp(log_to) + (to - mean) ** 2) / np.exp(log_variance))
        truth = np.concatenate([(to - mean) / np.exp(log_variance), by_log_variance], axis=1)
        np.testing.assert_allclose(gradient, truth, rtol=1e-4, atol=1e-5, err_msg=name)
        assert np.abs(truth).max() > 0.01


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("top_down", ["none", "ladder"])
def test_refinement_and_surrogate_of_a_row_are_its_own_in_training(top_down, encoder):
    """Batch normalisation goes by what it has seen, and learns nothing from rows that it sees once more."""
    model, found = hierarchy(top_down=top_down, normalization="batch"), []
    numbers, method = model.encode(BINARY), GradientRefined(steps=3, encoder=encoder)
    before = model.get_weights()
    for rows in (1, 6):  # one draw of the first row is the same in batches of any size
        own = {name: tf.Variable(value[:rows]) for name, value in numbers.items()}
        with tf.GradientTape() as tape, engine.using(TRAINING):
            start = {name: tf.convert_to_tensor(variable) for name, variable in own.items()}
            refined, learning = method.refine(
                RefinementObjective(model, BINARY[:rows], None, 1, 1.0, False), start, 3, SEED, True
            )
            total = tf.reduce_sum(learning) + sum(tf.reduce_sum(value) for value in refined.values())
        gradients = tape.gradient(total, own)
        found.append([*(v[0].numpy() for v in refined.values()), *(v[0].numpy() for v in gradients.values())])
    for alone, among_others in zip(*found, strict=True):
        assert np.abs(alone).max() > 0
        np.testing.assert_allclose(alone, among_others, rtol=1e-4, atol=1e-5)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("xla", [False, True])
def test_a_gradient_of_exactly_zero_is_not_nan(xla, linear_gaussian):
    """As where a decoder of rectifiers is dead and −KL weighs nothing yet."""
    own = linear_gaussian(loading=np.zeros((2, 3)))
    model = GivenStart(own, tf.Variable(np.float32([[1.0, -1.0, 0.5, 0.0]] * 4)))
    method = GradientRefined(steps=2, encoder="through")

    def learning(done):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(method.bound(model, linear_gaussian.x, None, EXACT, SEED, done))
        return model.found["z"], tape.gradient(total, model.start)

    found, gradient = tf.function(learning, autograph=False, jit_compile=xla)(tf.constant(0.0))
    np.testing.assert_array_equal(found, model.start)
    np.testing.assert_allclose(gradient, np.zeros((4, 4)), atol=1e-6)
