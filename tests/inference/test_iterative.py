"""What the learnt update finds, and what it and the other networks learn: from each step's own gradient."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.surrogates import detached
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.quadrature import Quadrature
from ssvae.inference.base import BoundArguments
from ssvae.inference.evidence import elbo
from ssvae.inference.iterative import STARTS, Iterative
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.networks.update import GATES, Level, updates

SEED, EXACT = random.seed_tensor(1), Quadrature(8)
SETTINGS = {"warm_start": 0.0, "kl_warm_up": 0.0, "hidden": (32,), "encodings": ("log_sign", "parameters")}


@pytest.fixture
def learner(linear_gaussian):
    """Return what makes a model with update networks, and an encoder that sees the first column of x only."""

    class Learner(linear_gaussian):
        def __init__(self, update):
            super().__init__()
            self.updates = updates(update, {"z": Level(self.latent, self.features, (8,))})
            self.updates["z"].reset(np.random.default_rng(0))
            self.slopes, self.start = tf.Variable(tf.zeros([1, 4])), tf.Variable(tf.zeros([4]))
            self.loading = tf.Variable(self.loading)

        def encode(self, x, y):
            return {"z": x[:, :1] @ self.slopes + self.start}

        def recognise(self, x, y, infer):
            self.found = infer(self, x, y)
            return self.found

    return Learner


def trained(model, method, steps=600):
    """Teach the networks that find λ on rows from p(x), the decoder as it is; return other rows from there."""
    rng = np.random.default_rng(0)
    z, deviation = rng.normal(size=(steps + 1, 64, 2)), np.sqrt(model.noise_variance)
    rows = tf.constant(z @ model.loading.numpy() + deviation * rng.normal(size=(steps + 1, 64, 3)), tf.float32)
    weights = [*(w.value for w in model.updates["z"].trainable_weights), model.slopes, model.start]
    optimizer = keras.optimizers.Adam(5e-3)
    optimizer.build(weights)

    def step(i):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(method.bound(model, rows[i], None, Pathwise(), random.fold(SEED, i), training=True))
        optimizer.apply(tape.gradient(loss, weights, unconnected_gradients="zero"), weights)

    compiled = tf.function(step, autograph=False)
    for i in tf.range(steps):
        compiled(i)
    return rows[steps].numpy()


@pytest.mark.parametrize("start", STARTS)
def test_trained_it_comes_close_to_the_closed_form_and_closer_with_more_steps(start, learner):
    method = Iterative(steps=4, samples=2, start=start, **SETTINGS)
    model = learner(method.update)
    x = trained(model, method)
    model.loading, gaps = model.loading.numpy(), []
    for steps in (1, 2, 3, 4, 6):
        found = replace(method, test_steps=steps).infer(model, tf.constant(x), None, SEED)["z"].numpy()
        gaps.append((model.elbo(x, model.best(x)) - model.elbo(x, found)).mean())
    first = method.initial_parameters(model, tf.constant(x), None)["z"].numpy()
    assert (model.elbo(x, model.best(x)) - model.elbo(x, first)).mean() > 10 * gaps[0]
    # Once within 0.002 nats of the best, a learnt step may go either way.
    assert all(later < max(earlier, 2e-3) for earlier, later in itertools.pairwise(gaps))
    assert 0.0 < gaps[3] < 0.01
    np.testing.assert_allclose(found, model.best(x), atol=0.3)


def test_one_step_learns_from_the_gradient_where_it_ends(learner):
    """An affine update, λ_1 = W ∇_λ(λ_0) + b, has the gradient Σ ∇(λ_0) ∇(λ_1)ᵀ by W, Σ ∇(λ_1) by b."""
    method = Iterative(steps=1, samples=4, start="prior", encodings=("gradient",), hidden=(), gate="none")
    model = learner(method.update)
    x, affine = tf.constant(model.x), model.updates["z"].network
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(method.bound(model, x, None, EXACT, SEED, training=True))
    by_matrix, by_bias = tape.gradient(total, [affine.first[0].value, affine.biases[0].value])
    objective = RefinementObjective(model, x, None, 4, same_noise=False)
    key = random.fold(random.fold(SEED, 1 << 17), 0)  # that of the first step
    first = objective.value_and_gradient({"z": tf.zeros([4, 4])}, key)[1]["z"].numpy()
    np.testing.assert_allclose(model.found["z"], first @ affine.first[0].numpy() + affine.biases[0].numpy(), rtol=1e-4)
    last = linear_gradient(model, model.found)
    np.testing.assert_allclose(by_bias, last.sum(axis=0), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(by_matrix, first.T @ last, rtol=1e-3, atol=1e-3)


def linear_gradient(model, parameters) -> np.ndarray:
    """Return the closed-form gradient, the loading being a variable."""
    loading, model.loading = model.loading, model.loading.numpy()
    found = model.gradient(model.x, parameters["z"].numpy())
    model.loading = loading
    return found


class Recorded:
    """An update network that keeps what it is asked and what it answers."""

    def __init__(self, network):
        self.network, self.prepare, self.asked = network, network.prepare, []

    def __call__(self, *inputs):
        self.asked.append(inputs)
        return self.network(*inputs)


@pytest.fixture
def recorded(learner, monkeypatch):
    """Return what runs a bound for T steps and gives its tape, the model and the gradients on the way."""

    def run(steps, start, gate="residual"):
        settings = {**SETTINGS, "encodings": ("data", "gradient"), "gate": gate}
        method = Iterative(steps=steps, samples=2, start=start, **settings)
        model, gradients, gradient = learner(method.update), [], RefinementObjective.value_and_gradient
        for weight in model.updates["z"].weights:  # the residual update starts with no change of λ
            weight.assign(0.3 * np.array(weight) + 0.1 * np.random.default_rng(1).normal(size=weight.shape))
        model.updates = {"z": Recorded(model.updates["z"])}
        model.start.assign([0.3, -0.2, 0.1, 0.4])
        monkeypatch.setattr(
            RefinementObjective,
            "value_and_gradient",
            lambda *a: gradients.append(gradient(*a)[1]["z"].numpy()) or gradient(*a),
        )
        with tf.GradientTape(persistent=True) as tape:
            bound = method.bound(model, tf.constant(model.x), None, EXACT, SEED, training=True)
            total = tf.reduce_sum(bound)
        np.testing.assert_allclose(
            bound, elbo(BoundArguments(model, model.x, None, EXACT, SEED), model.found), atol=1e-4
        )
        return tape, total, model, gradients

    return run


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(("start", "share"), [("encoder", 1 / 4), ("prior", 1 / 3)])
def test_update_learns_the_mean_of_the_slopes_where_its_steps_end(start, share, gate, recorded):
    """By differences of every step with the numbers before it held still."""
    tape, total, model, gradients = recorded(3, start, gate)
    network, asked, model.loading = model.updates["z"].network, model.updates["z"].asked, model.loading.numpy()
    weights, rng = [w.value for w in network.trainable_weights], np.random.default_rng(0)
    found, before = tape.gradient(total, weights), [w.numpy() for w in weights]
    for _ in range(3):
        ways, ends = [rng.normal(size=w.shape) for w in before], []
        for length in (-0.002, 0.002):
            for weight, value, way in zip(weights, before, ways, strict=True):
                weight.assign(value + length * way)
            known = network.prepare(tf.constant(model.x))
            reached = [network(known, *inputs[1:]).numpy().astype(float) for inputs in asked]
            surrogates = [(gradients[t] * reached[t - 1]).sum() for t in (1, 2)]
            ends.append(model.elbo(model.x, reached[2]).sum() + sum(surrogates))
        for weight, value in zip(weights, before, strict=True):
            weight.assign(value)
        along = sum((gradient.numpy() * way).sum() for gradient, way in zip(found, ways, strict=True))
        assert along == pytest.approx(share * (ends[1] - ends[0]) / 0.004, rel=0.01, abs=0.02)


@pytest.mark.parametrize("steps", [1, 3])
def test_encoder_learns_its_share_at_its_own_output_and_nothing_through_later_steps(steps, recorded):
    tape, total, model, gradients = recorded(steps, "encoder")
    assert len(gradients) == steps
    by_slopes, by_start = tape.gradient(total, [model.slopes, model.start])
    share = 1.0 / (steps + 1)
    np.testing.assert_allclose(by_start, share * gradients[0].sum(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_slopes, share * model.x[:, :1].T @ gradients[0], rtol=1e-4, atol=1e-5)


def test_encoder_that_is_not_used_learns_nothing(recorded):
    tape, total, model, _ = recorded(2, "prior")
    assert tape.gradient(total, [model.slopes, model.start]) == [None, None]


@pytest.mark.parametrize("start", STARTS)
def test_decoder_learns_at_the_last_step_only(start, recorded):
    tape, total, model, _ = recorded(3, start)
    with tf.GradientTape() as own:
        last = tf.reduce_sum(elbo(BoundArguments(model, model.x, None, EXACT, SEED), detached(model.found)))
    np.testing.assert_allclose(tape.gradient(total, model.loading), own.gradient(last, model.loading), rtol=1e-4)
