"""The bound as a function of λ: its value, its gradient without bias and without noise at the posterior, its draws."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.surrogates import detached
from ssvae.inference.refinement_objective import RefinementObjective, surrogate

SEED = random.seed_tensor(1)


def away(model, x) -> dict[str, tf.Tensor]:
    """Return λ far from the best, another for every row."""
    return {"z": model.encode(tf.constant(x), None)["z"] + np.float32([[0.3, -0.5, 0.8, -0.4]])[:, : 2 * model.latent]}


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_slope_is_the_closed_form_one_in_expectation(samples, linear_gaussian):
    """Over many rows of noise, whether or not draws come in pairs."""
    model, x = linear_gaussian(), linear_gaussian.x
    rows = np.repeat(x, 4000, axis=0)
    bound, gradient = RefinementObjective(model, rows, None, samples, same_noise=False).value_and_gradient(
        away(model, rows), SEED
    )
    truth = np.concatenate(
        [model.elbo(x, away(model, x)["z"])[:, None], model.gradient(x, away(model, x)["z"])], axis=1
    )
    found = np.concatenate([bound[:, None], gradient["z"]], axis=1).reshape(len(x), -1, 5)
    error = found.std(axis=1) / np.sqrt(found.shape[1])
    assert (np.abs(found.mean(axis=1) - truth) < 4 * error + 1e-4).all()


def test_slope_is_the_closed_form_one_over_many_seeds(linear_gaussian):
    """With draws that all rows share, as outside training."""
    model, x = linear_gaussian(), linear_gaussian.x
    objective, parameters = RefinementObjective(model, tf.constant(x), None, 2), away(model, x)
    gradient = tf.function(lambda seed: objective.value_and_gradient(parameters, seed)[1]["z"], autograph=False)
    found = np.array([gradient(random.fold(SEED, i)) for i in range(1000)])
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - model.gradient(x, parameters["z"])) < 4.5 * error + 1e-4).all()


def test_tempered_slope_weighs_the_prior_as_the_bound_does(linear_gaussian):
    model, x = linear_gaussian(), np.repeat(linear_gaussian.x, 4000, axis=0)
    parameters = away(model, x)
    plain = {
        name: RefinementObjective(model, x, None, 2, weight, False) for name, weight in (("none", 0.0), ("half", 0.5))
    }
    gradients = {
        name: objective.value_and_gradient(parameters, SEED)[1]["z"].numpy() for name, objective in plain.items()
    }
    mean, log_variance = np.split(parameters["z"].numpy().astype(float), 2, axis=1)
    by_kl = np.concatenate([mean, 0.5 * (np.exp(log_variance) - 1.0)], axis=1)
    for name, weight in (("none", 0.0), ("half", 0.5)):
        truth = model.gradient(x, parameters["z"]) + (1.0 - weight) * by_kl
        off = (gradients[name] - truth).reshape(4, 4000, -1)
        assert (np.abs(off.mean(axis=1)) < 4 * off.std(axis=1) / np.sqrt(4000) + 1e-4).all(), name


def test_slope_has_no_noise_where_q_is_the_posterior(linear_gaussian):
    x = np.repeat(linear_gaussian.x, 100, axis=0)
    for loading in (linear_gaussian.orthogonal, linear_gaussian.orthogonal[:1]):
        model = linear_gaussian(error=0.0, loading=loading)
        gradient = RefinementObjective(model, x, None, 1, same_noise=False).value_and_gradient(
            model.encode(tf.constant(x), None), SEED
        )[1]["z"]
        np.testing.assert_allclose(gradient, np.zeros_like(gradient), atol=2e-5)


def test_antithetic_draws_are_each_others_negatives(linear_gaussian):
    model, x = linear_gaussian(), tf.constant(linear_gaussian.x)
    start = model.encode(x, None)
    mean = start["z"][:, :2].numpy()
    drawn = RefinementObjective(model, x, None, 6).draws(start, SEED)["z"].numpy() - mean
    assert drawn.shape == (6, 4, 2)
    np.testing.assert_allclose(drawn[:3], -drawn[3:], atol=1e-6)
    assert len(np.unique(np.abs(drawn[:, 0, 0]).round(4))) == 3
    odd = RefinementObjective(model, x, None, 5).draws(start, SEED)["z"].numpy() - mean
    assert len(np.unique(np.abs(odd[:, 0, 0]).round(4))) == 5


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_rows_share_their_draws_only_where_asked_to(samples, linear_gaussian):
    model, x = linear_gaussian(), tf.constant(linear_gaussian.x)
    every = tf.eye(linear_gaussian.classes)[:, None, :]
    for y in (None, every):
        start = model.encode(x, y)
        for same in (True, False):
            values = RefinementObjective(model, x, y, samples, same_noise=same).draws(start, SEED)["z"]
            drawn = (values - start["z"][..., :2]).numpy().reshape(-1, 4, 2)
            equal = [np.allclose(drawn[:, :1], drawn, atol=1e-6), np.allclose(drawn[:1], drawn, atol=1e-6)]
            assert equal == [same, samples == 1 and y is None]  # one of many draws, or classes, is like no other


def test_noise_is_paired_in_its_context_only():
    before = random.normal((6, 4, 2), SEED).numpy()
    with random.paired(True, True):
        inside = random.normal((6, 4, 2), SEED).numpy()
        with random.paired(False, False):
            np.testing.assert_array_equal(random.normal((6, 4, 2), SEED), before)
        np.testing.assert_array_equal(random.normal((6, 4, 2), SEED), inside)
    assert inside.shape == (6, 1, 2)
    np.testing.assert_array_equal(inside[:3], -inside[3:])
    np.testing.assert_array_equal(random.normal((6, 4, 2), SEED), before)
    with pytest.raises(RuntimeError, match="inside"), random.paired(True, True):
        raise RuntimeError("inside")
    np.testing.assert_array_equal(random.normal((6, 4, 2), SEED), before)


def test_paired_noise_is_normal():
    with random.paired(True, False):
        drawn = random.normal((2, 300, 200), SEED).numpy()
    np.testing.assert_array_equal(drawn[0], -drawn[1])
    assert abs(np.mean(drawn[0])) < 4 / np.sqrt(drawn[0].size)
    assert abs(np.mean(drawn[0] ** 2) - 1) < 4 * np.sqrt(2 / drawn[0].size)


def test_a_surrogate_is_zero_and_has_the_given_gradient():
    value, gradient = {"z": tf.Variable([[1.0, 2.0], [3.0, 4.0]])}, {"z": tf.constant([[5.0, -6.0], [7.0, 8.0]])}
    with tf.GradientTape(persistent=True) as tape:
        moving = surrogate({"z": 2.0 * value["z"]}, gradient)
        fixed = surrogate(detached({"z": 2.0 * value["z"]}), gradient)
    np.testing.assert_array_equal(moving, [0.0, 0.0])
    np.testing.assert_array_equal(tape.gradient(moving, value["z"]), 2.0 * gradient["z"])
    assert tape.gradient(fixed, value["z"]) is None
