"""Steps up the gradient of the bound: where they end, that they never end lower, and that no row minds the others."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.gradients.quadrature import Quadrature
from ssvae.inference import gradient_refined
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.inference.refinement_objective import RefinementObjective

SEED = random.seed_tensor(1)
WAYS = {
    "natural": {},
    "plain": {"metric": "plain", "rate": 0.3, "momentum": 0.0},
    "constant": {"decay": "constant", "rate": 0.3},
    "line_search": {"line_search": True},
    "plain_line_search": {"line_search": True, "metric": "plain", "rate": 0.3},
}


def refined(model, x, xla=None, **settings) -> np.ndarray:
    """Return the λ found outside training; compiled by graph mode or XLA, or not at all."""
    method = GradientRefined(**settings)

    def infer(rows):
        return method.infer(model, rows, None, SEED)["z"]

    function = infer if xla is None else tf.function(infer, autograph=False, jit_compile=xla)
    return function(tf.constant(x)).numpy()


@pytest.mark.parametrize("way", WAYS)
def test_from_a_bad_start_to_the_best_diagonal_posterior(way, linear_gaussian):
    model, x = linear_gaussian(error=3.0, wider=1.5), linear_gaussian.x
    best = model.best(x)
    assert (model.elbo(x) < model.elbo(x, best) - 20.0).all()
    found = refined(model, x, xla=False, test_steps=100, test_samples=1000, **WAYS[way])
    mean, log_variance = np.split(found - best, 2, axis=1)
    np.testing.assert_allclose(mean, np.zeros_like(mean), atol=2e-3)
    np.testing.assert_allclose(log_variance, np.zeros_like(mean), atol=0.03)
    np.testing.assert_allclose(model.elbo(x, found), model.elbo(x, best), atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_where_the_posterior_is_diagonal_it_is_found_exactly(way, linear_gaussian):
    """Its gradient has no noise there, so that two draws are enough; a line search keeps its draws, and needs more."""
    x, samples = linear_gaussian.x, 1000 if WAYS[way].get("line_search") else 2
    for loading in (linear_gaussian.orthogonal, linear_gaussian.orthogonal[:1]):
        model = linear_gaussian(error=3.0, wider=1.5, loading=loading)
        found = refined(model, x, xla=False, test_steps=200, test_samples=samples, **WAYS[way])
        np.testing.assert_allclose(found, model.best(x), atol=0.05 if samples > 2 else 1e-3)
        np.testing.assert_allclose(model.elbo(x, found), model.log_evidence(x), atol=1e-3 if samples > 2 else 1e-5)


@pytest.mark.parametrize("decay", gradient_refined.DECAYS)
@pytest.mark.parametrize("metric", gradient_refined.METRICS)
def test_steps_are_those_of_the_formula(metric, decay, monkeypatch, linear_gaussian):
    """v = m v + d, λ = λ + γ_t v, with d from the gradients that were asked for, no longer than clip_norm."""
    model, x, gradients, gradient = (
        linear_gaussian(error=1.0, wider=1.0),
        tf.constant(linear_gaussian.x),
        [],
        RefinementObjective.value_and_gradient,
    )
    monkeypatch.setattr(
        RefinementObjective, "value_and_gradient", lambda *given: gradients.append(gradient(*given)) or gradients[-1]
    )
    method = GradientRefined(rate=0.4, momentum=0.5, clip_norm=2.0, metric=metric, decay=decay)
    start = model.encode(x, None)
    visited = [
        found["z"].numpy() for found in method.refinement_path(RefinementObjective(model, x, None, 2), start, 4, SEED)
    ]
    numbers, velocity = start["z"].numpy().astype(float), 0.0
    for step, found in enumerate(visited):
        by_mean, by_log_variance = np.split(gradients[step][1]["z"].numpy().astype(float), 2, axis=1)
        if metric == "natural":
            scale = np.exp(numbers[:, 2:] / 2)
            length = np.sqrt(((scale * by_mean) ** 2 + (by_log_variance / 2) ** 2).sum(axis=1, keepdims=True))
            direction = np.concatenate([scale**2 * by_mean, by_log_variance / 2], axis=1)
        else:
            length = np.sqrt((by_mean**2 + by_log_variance**2).sum(axis=1, keepdims=True))
            direction = np.concatenate([by_mean, by_log_variance], axis=1)
        velocity = 0.5 * velocity + direction * np.minimum(1.0, 2.0 / length)
        numbers = numbers + (0.4 * (1 - step / 4) if decay == "linear" else 0.4) * velocity
        np.testing.assert_allclose(found, numbers, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("way", ["line_search", "plain_line_search"])
def test_bound_never_falls_with_another_step_of_a_line_search(way, linear_gaussian):
    model, x = linear_gaussian(error=3.0, wider=1.5), np.repeat(linear_gaussian.x, 5, axis=0) * 2.0
    objective, bounds = RefinementObjective(model, x, None, 10), []
    for steps in range(11):
        found = refined(model, x, test_steps=steps, test_samples=10, **{**WAYS[way], "rate": 2.0})
        bounds.append(objective.bound({"z": found}, SEED).numpy())
    gains = np.diff(bounds, axis=0)
    assert gains.min() >= -1e-5  # a step that was refused leaves the bound as it was
    assert (gains == 0.0).any()
    assert (np.array(bounds[10]) > np.array(bounds[0]) + 20.0).all()


@pytest.mark.parametrize("rate", [0.9, 2.0, 1e30])
def test_a_row_whose_bound_has_not_risen_stays_where_it_was(rate, linear_gaussian):
    model, x = linear_gaussian(error=0.5), np.repeat(linear_gaussian.x, 20, axis=0)
    objective = RefinementObjective(model, x, None, 1, same_noise=False)
    start = model.encode(tf.constant(x), None)
    method = GradientRefined(rate=rate, clip_norm=rate * 5.0)
    found = method.refine(objective, start, 4, SEED, training=True).parameters
    before, after = objective.bound(start, SEED).numpy(), objective.bound(found, SEED).numpy()
    assert (after >= before).all()
    kept = (found["z"].numpy() == start["z"].numpy()).all(axis=1)
    assert (after > before)[~kept].all()
    assert kept.mean() == 1.0 if rate == 1e30 else 0.0 < kept.mean() < 1.0


@pytest.mark.parametrize("settings", [{}, {"line_search": True}, {"metric": "plain"}])
def test_steps_of_a_row_do_not_depend_on_the_rows_of_a_batch(settings, linear_gaussian):
    """The first row of a batch of any size draws the same noise; the length of its steps is limited for it alone."""
    model, found = linear_gaussian(error=3.0, wider=1.5), []
    method = GradientRefined(clip_norm=0.5, **settings)
    for rows in (1, 64):
        x = np.repeat(linear_gaussian.x[:1], rows, axis=0)
        x[1:] *= 100.0  # the others are far away, with gradients much longer than the first row's
        objective = RefinementObjective(model, tf.constant(x), None, 1, same_noise=False)
        start = model.encode(tf.constant(x), None)
        found.append(method.refine(objective, start, 5, SEED, training=True).parameters["z"][0])
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
    assert np.abs(found[0] - start["z"][0]).max() > 0.1


def test_a_step_is_no_longer_than_clip_norm(linear_gaussian):
    """γ_0 · clip_norm bounds the first step, in the metric's own units."""
    model, x = linear_gaussian(error=30.0), linear_gaussian.x
    start = model.encode(tf.constant(x), None)["z"].numpy()
    for metric, scale in (("plain", 1.0), ("natural", np.exp(start[:, 2:] / 2))):
        step = refined(model, x, test_steps=1, metric=metric, rate=0.5, clip_norm=0.2) - start
        step[:, :2] /= scale
        np.testing.assert_allclose(np.linalg.norm(step, axis=1), 0.1, rtol=1e-4)


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("settings", [{}, {"line_search": True}])
def test_a_loop_finds_what_steps_written_out_find(settings, xla, monkeypatch, linear_gaussian):
    model, x = linear_gaussian(error=3.0, wider=1.5), linear_gaussian.x
    written_out = refined(model, x, test_steps=8, test_samples=4, **settings)
    monkeypatch.setattr("ssvae.inference.ascent.UNROLLED", 0)
    with engine.using(engine.Engine(xla=xla)):
        looped = refined(model, x, xla=xla, test_steps=8, test_samples=4, **settings)
    np.testing.assert_allclose(looped, written_out, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("encoder", gradient_refined.ENCODERS)
def test_a_loop_teaches_what_steps_written_out_teach(encoder, monkeypatch, linear_gaussian):
    model, x = linear_gaussian(), tf.constant(linear_gaussian.x)
    model.error, model.loading = tf.Variable(0.5), tf.Variable(model.loading)
    method = GradientRefined(steps=3, encoder=encoder)

    def by_all(done):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(method.bound(model, x, None, Quadrature(8), SEED, done))
        return tape.gradient(total, [model.error, model.loading])

    written_out = by_all(tf.constant(0.7))
    monkeypatch.setattr("ssvae.inference.ascent.UNROLLED", 0)
    for looped, wanted in zip(tf.function(by_all, autograph=False)(tf.constant(0.7)), written_out, strict=True):
        assert np.abs(wanted).max() > 0
        np.testing.assert_allclose(looped, wanted, rtol=1e-3, atol=1e-4)
