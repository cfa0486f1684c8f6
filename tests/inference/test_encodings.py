"""The inputs of update networks, against their formulas in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.inference.encodings import encoded, update_inputs
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.hierarchical import Hierarchical
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.networks.update import WIDTHS, Level, updates

D, K, ROWS = 5, 3, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, D)).astype(np.float32)
SEED = random.seed_tensor(1)
MODELS = {
    "m1": lambda: M1(D, Gaussian(), latent=2, hidden=[4]),
    "two_levels": lambda: Hierarchical(D, Gaussian(), latent=(3, 2), hidden=4, depth=1),
    "ladder": lambda: Hierarchical(D, Gaussian(), latent=(3, 2), hidden=4, top_down="ladder", normalization="batch"),
}
TWO = {"z1": Level(3, D, (4,)), "z2": Level(2, 3, (5,))}
LEVELS = {"m1": {"z": Level(2, D, (4,))}, "two_levels": TWO, "ladder": TWO}


def inputs_of(kind, encodings, samples=4, training=False):
    """Return a model, its objective, λ and its gradient, and the inputs made of them."""
    model = MODELS[kind]()
    for weight in model.trainable_weights:
        weight.assign(np.array(weight) + 0.2 * np.random.default_rng(3).normal(size=weight.shape))
    objective, parameters = RefinementObjective(model, tf.constant(X), None, samples, same_noise=False), model.encode(X)
    gradient = objective.value_and_gradient(parameters, SEED)[1]
    with engine.using(engine.Engine(training=training)):
        return model, objective, parameters, gradient, update_inputs(objective, parameters, gradient, SEED, encodings)


def test_forms_of_a_slope():
    gradient = np.float32([[3.0, -0.5, 0.0, 1e-4], [2.0, 2.0, 2.0, 2.0]])
    numbers = np.float32([[1.0, 2.0, 0.3, -0.4], [0.0, 0.0, 3.0, -5.0]])
    log_sign = np.concatenate([np.log(np.abs(gradient) + 1e-5), np.sign(gradient)], axis=1)
    np.testing.assert_allclose(encoded(gradient, numbers, "log_sign"), log_sign, rtol=1e-5)
    centred = gradient - gradient.mean(axis=1, keepdims=True)
    normalized = centred / np.sqrt(gradient.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(encoded(gradient, numbers, "normalized_gradient"), normalized, rtol=1e-5)
    natural = gradient * np.concatenate([np.exp(numbers[:, 2:]), np.ones((2, 2))], axis=1)
    np.testing.assert_allclose(encoded(gradient, numbers, "natural_gradient"), natural, rtol=1e-5)
    np.testing.assert_array_equal(encoded(gradient, numbers, "gradient"), gradient)
    for form in ("log_sign", "normalized_gradient", "natural_gradient"):  # with the axis of the classes in front
        each = [encoded(part, gradient, form) for part in (gradient, numbers, -gradient)]
        together = encoded(np.stack([gradient, numbers, -gradient]), np.stack([gradient] * 3), form)
        np.testing.assert_allclose(together, np.stack(each), rtol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_slopes_and_parameters_stand_side_by_side_in_the_order_asked_for(kind):
    forms = ("parameters", "log_sign", "gradient", "normalized_gradient", "natural_gradient")
    _, _, parameters, gradient, found = inputs_of(kind, forms)
    for name in LEVELS[kind]:
        parts = [parameters[name], *(encoded(gradient[name], parameters[name], form) for form in forms[1:])]
        np.testing.assert_allclose(found[name], np.concatenate(parts, axis=1), rtol=1e-5, atol=1e-6)


def predicted(model, values) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return each variable's value, mean and variance given its parents, from the networks' outputs."""
    top = next(iter(values))
    zero = np.zeros(values[top].shape)
    found = {top: (values[top], zero, zero + 1.0)}
    if top == "z2":
        mean, log_variance = np.split(model.priors[0](values["z2"]).numpy(), 2, axis=-1)
        found["z1"] = values["z1"], mean, np.exp(log_variance)
    mean, raw = np.split(model.decoder(values["z1" if top == "z2" else "z"]).numpy(), 2, axis=-1)
    floor = model.likelihood.floor
    return {**found, "x": (X[None], mean, np.exp(floor + np.logaddexp(0.0, raw - floor)))}


@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("kind", MODELS)
def test_errors_are_those_of_what_a_latent_explains_and_its_own(kind, samples):
    model, objective, parameters, _, found = inputs_of(kind, ("errors", "normalized_errors"), samples)
    values = {name: v.numpy().reshape(samples, ROWS, -1) for name, v in objective.draws(parameters, SEED).items()}
    every = predicted(model, values)
    errors = {name: (value - mean).mean(axis=0) for name, (value, mean, _) in every.items()}
    normalized = {name: ((value - mean) / (v + 1e-3)).mean(axis=0) for name, (value, mean, v) in every.items()}
    for name, below in {"z": "x", "z1": "x", "z2": "z1"}.items():
        if name in found:
            parts = [errors[below], errors[name], normalized[below], normalized[name]]
            np.testing.assert_allclose(found[name], np.concatenate(parts, axis=1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["two_levels", "ladder"])
def test_upper_levels_see_the_values_below_as_data(kind):
    _, objective, parameters, gradient, found = inputs_of(kind, ("data", "gradient"))
    below = objective.draws(parameters, SEED)["z1"].numpy().mean(axis=0)
    np.testing.assert_allclose(found["z2"], np.concatenate([below, gradient["z2"]], axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["z1"], gradient["z1"])  # x itself is an input that stays


@pytest.mark.parametrize("encoding", [name for name in WIDTHS if name != "data"])
@pytest.mark.parametrize("kind", MODELS)
def test_widths_are_those_that_update_networks_are_made_for(kind, encoding):
    for encodings in ((encoding,), ("data", encoding)):
        _, _, _, _, found = inputs_of(kind, encodings)
        networks = updates({"encodings": encodings, "hidden": None}, LEVELS[kind])
        for name, (latent, below, hidden) in LEVELS[kind].items():
            assert networks[name].hidden == hidden  # None is the recognition network's
            upper = below if "data" in encodings and name == "z2" else 0
            assert found[name].shape == (ROWS, WIDTHS[encoding](latent, below) + upper)
            assert networks[name].moving == found[name].shape[1]
            assert networks[name].still == ((D,) if "data" in encodings and name != "z2" else ())


@pytest.mark.parametrize("samples", [1, 2])
def test_every_class_has_inputs_of_its_own(samples):
    model, every = M2(D, K, Gaussian(), latent=2, hidden=[4]), tf.eye(K)[:, None, :]
    objective, parameters = (
        RefinementObjective(model, tf.constant(X), every, samples),
        model.encode(tf.constant(X), every),
    )
    gradient = objective.value_and_gradient(parameters, SEED)[1]
    found = update_inputs(objective, parameters, gradient, SEED, ("gradient", "errors", "parameters"))["z"]
    z = objective.draws(parameters, SEED)["z"].numpy().reshape(samples, K, ROWS, 2)
    for k in range(K):
        outputs = model.decoder(z[:, k], every[k]).numpy()
        errors = (X - np.split(outputs, 2, axis=-1)[0]).mean(axis=0)
        parts = [gradient["z"][k], errors, z[:, k].mean(axis=0), parameters["z"][k]]
        np.testing.assert_allclose(found[k], np.concatenate(parts, axis=1), rtol=1e-4, atol=1e-5)


def test_batch_normalisation_goes_by_what_it_has_seen_and_learns_nothing_from_errors():
    model, *_, in_training = inputs_of("ladder", ("errors",), training=True)
    for name, value in inputs_of("ladder", ("errors",))[-1].items():
        np.testing.assert_allclose(in_training[name], value, atol=1e-5)
    for norm in (norm for network in model.priors for norm in network.norms):
        np.testing.assert_array_equal(norm.calls, [0.0])
