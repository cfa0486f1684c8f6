"""Settings of refinement that cannot be meant are refused, in words that say what was given and what is allowed."""

from dataclasses import fields

import keras
import numpy as np
import pytest

from ssvae import SSVAEClassifier
from ssvae.inference import INFERENCES
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.inference.iterative import Iterative
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.networks.update import GATES, WIDTHS

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (10, 3)) for mean in (-1, 1)]).astype(np.float32)
Y = np.where(np.arange(20) % 4 == 0, np.repeat([0, 1], 10), -1)
BOTH = [
    ({"steps": -1}, "steps of {} must be an integer >= 0, got -1"),
    ({"steps": True}, "steps of {} must be an integer >= 0, got True"),
    ({"steps": 2.0}, r"steps of {} must be an integer >= 0, got 2\.0"),
    ({"steps": None}, "steps of {} must be an integer >= 0, got None"),
    ({"samples": 0}, "samples of {} must be an integer >= 1, got 0"),
    ({"test_steps": -2}, "test_steps of {} must be an integer >= 0, got -2"),
    ({"test_steps": "5"}, "test_steps of {} must be an integer >= 0, got '5'"),
    ({"test_samples": 0}, "test_samples of {} must be an integer >= 1, got 0"),
    ({"refine_at": "test"}, r"refine_at must be one of \['both', 'fit', 'predict'\], got 'test'"),
    ({"warm_start": 1.5}, r"warm_start must be in \[0, 1\], got 1.5"),
    ({"kl_warm_up": -0.1}, r"kl_warm_up must be in \[0, 1\], got -0.1"),
]
REFINED = [
    ({"metric": "fisher"}, r"metric must be one of \['natural', 'plain'\], got 'fisher'"),
    ({"decay": "cosine"}, r"decay must be one of \['linear', 'constant'\], got 'cosine'"),
    ({"encoder": "none"}, r"encoder must be one of \['kl', 'bound', 'through'\], got 'none'"),
    ({"rate": 0.0}, r"needs rate > 0, clip_norm > 0 and 0 <= momentum < 1, got 0\.0, 5\.0 and 0\.3"),
    ({"rate": float("nan")}, "needs rate > 0.*got nan"),
    ({"clip_norm": -1.0}, r"clip_norm > 0.*got 0\.9, -1\.0 and"),
    ({"momentum": 1.0}, r"momentum < 1, got 0\.9, 5\.0 and 1\.0"),
    ({"line_search": True, "encoder": "through"}, "encoder='through' needs steps that are differentiable: line_search"),
]
LEARNT = [
    ({"hidden": "8"}, "hidden must be an integer or a list of integers, got '8'"),
    ({"hidden": [8, 2.5]}, r"list of integers, got \[8, 2.5\]"),
    ({"start": "zero"}, r"start must be one of \['encoder', 'prior'\], got 'zero'"),
    ({"gate": "open"}, r"gate must be one of \['residual', 'highway', 'none'\], got 'open'"),
    (
        {"encodings": ["momentum"]},
        r"encodings of iterative must be different ones of \['data', .*\], .*got \['momentum'\]",
    ),
    ({"encodings": ["data"]}, r"at least one beside 'data', got \['data'\]"),
    ({"encodings": []}, r"at least one beside 'data', got \[\]"),
    ({"encodings": "gradient"}, "got 'gradient'"),
    (
        {"encodings": ["gradient", "errors", "gradient"]},
        r"different ones of .*got \['gradient', 'errors', 'gradient'\]",
    ),
    ({"refine_at": "predict"}, "refine_at='predict' would leave the update network untrained: 'both', or"),
    ({"start": "prior", "refine_at": "fit"}, "start='prior' needs refine_at='both'.*got refine_at='fit', steps=5"),
    ({"start": "prior", "steps": 0}, "start='prior' needs .*steps and test_steps >= 1.*steps=0"),
    ({"start": "prior", "test_steps": 0}, "start='prior' needs .*steps and test_steps >= 1.*test_steps=0"),
]


REFINING = {
    "steps": 5, "samples": 2, "test_steps": None, "test_samples": 10, "refine_at": "both",
    "warm_start": 0.25, "kl_warm_up": 0.5,
}  # fmt: skip
DEFAULTS = {
    "amortized": {"kl_warm_up": 0.5},
    "importance_weighted": {"samples": 5},
    "mc_likelihood": {"samples": 50, "shared": False},
    "hmc": {"steps": 3, "leapfrog": 5, "step_size": 0.25, "kl_warm_up": 0.5},
    "importance_refined": {**REFINING, "samples": 20, "test_samples": 100, "rate": 0.1},
    "gradient_refined": {
        **REFINING, "rate": 0.9, "decay": "linear", "momentum": 0.3, "metric": "natural", "clip_norm": 5.0,
        "encoder": "kl", "line_search": False, "binary": "straight_through",
    },
    "iterative": {
        **REFINING, "start": "encoder", "encodings": ("data", "log_sign", "parameters"), "hidden": None,
        "activation": "elu", "skip": "highway", "gate": "residual",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", INFERENCES.names())
def test_a_slot_that_names_no_setting_means_what_it_meant_when_it_was_saved(name):
    assert {field.name: field.default for field in fields(INFERENCES.get(name))} == DEFAULTS[name]


@pytest.mark.parametrize(("settings", "words"), BOTH)
@pytest.mark.parametrize("kind", [GradientRefined, Iterative])
def test_what_neither_method_takes(kind, settings, words):
    with pytest.raises(ValueError, match=words.replace("{}", kind.__name__)):
        kind(**settings)


@pytest.mark.parametrize(("settings", "words"), REFINED)
def test_what_gradient_refined_does_not_take(settings, words):
    with pytest.raises(ValueError, match=words):
        GradientRefined(**settings)


@pytest.mark.parametrize(("settings", "words"), LEARNT)
def test_what_iterative_does_not_take(settings, words):
    with pytest.raises(ValueError, match=words):
        Iterative(**settings)


@pytest.mark.parametrize("name", ["gradient_refined", "iterative"])
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": "5"}, "steps of inference '{}' must be an integer, got '5'"),
        ({"steps": True}, "steps of inference '{}' must be an integer, got True"),
        ({"warm_start": "0.5"}, "warm_start of inference '{}' must be a number, got '0.5'"),
        ({"step": 5}, "unknown argument of inference '{}': 'step', one of .*; did you mean 'steps'"),
    ],
)
def test_what_does_not_come_from_yaml(name, settings, words):
    with pytest.raises(ValueError, match=words.replace("{}", name)):
        INFERENCES.build({"name": name, **settings})


def test_what_yaml_and_numpy_give_is_taken():
    found = INFERENCES.build({"name": "iterative", "encodings": ["gradient", "data"], "hidden": [8, 8]})
    assert (found.encodings, found.hidden) == (("gradient", "data"), (8, 8))
    assert hash(found) == hash(Iterative(encodings=("gradient", "data"), hidden=(8, 8)))
    assert Iterative(hidden=8).hidden == (8,)
    assert GradientRefined(steps=np.int64(3), test_samples=np.int32(4)).refinement_steps(True) == 3
    for method in (found, GradientRefined(line_search=True, test_steps=7)):
        assert type(method).from_config(method.get_config()) == method
    for encoding in set(WIDTHS) - {"data"}:
        Iterative(encodings=[encoding])
    for gate in GATES:
        assert Iterative(gate=gate).update["gate"] == gate


@pytest.mark.parametrize("kind", ["m1", "m2"])
@pytest.mark.parametrize("warm_start", [0.0, 0.5])
def test_a_model_without_update_networks_is_refused_with_what_to_pass_before_it_is_trained(kind, warm_start):
    own = M1(3, Gaussian(), latent=2, hidden=[4]) if kind == "m1" else M2(3, 2, Gaussian(), latent=2, hidden=[4])
    words = rf"this {kind.upper()} was made without: .*pass {kind.upper()}\(..., update=Iterative\(...\).update\)"
    fit = SSVAEClassifier(own, inference={"name": "iterative", "warm_start": warm_start}, epochs=2, regularizers=())
    with pytest.raises(ValueError, match=words):
        fit.fit(X, Y)


@pytest.mark.parametrize("gate", GATES)
def test_an_update_network_comes_back_from_its_config(gate):
    own = M1(3, Gaussian(), latent=2, hidden=[4], update=Iterative(hidden=(5, 5), gate=gate).update)
    copy = type(own).from_config(own.get_config())
    copy.set_weights(own.get_weights())
    network, again = own.updates["z"], copy.updates["z"]
    assert again.get_config() == network.get_config()
    numbers = RNG.normal(size=(6, 4)).astype(np.float32)
    moving = RNG.normal(size=(6, network.moving)).astype(np.float32)
    rows = RNG.normal(size=(6, 3)).astype(np.float32)
    found, expected = (each(each.prepare(rows), moving, numbers) for each in (again, network))
    np.testing.assert_array_equal(found, expected)
    assert keras.saving.get_registered_object("ssvae>Update") is type(network)


def test_updates_in_numpy():
    """What each gate makes of the network's outputs; the residual one starts with no change."""
    for gate in GATES:
        network = M1(3, Gaussian(), latent=2, hidden=[4], update=Iterative(hidden=(5,), gate=gate).update).updates["z"]
        numbers = RNG.normal(size=(6, 4)).astype(np.float32)
        rows, moving = RNG.normal(size=(6, 3)).astype(np.float32), RNG.normal(size=(6, network.moving))
        if gate == "residual":
            np.testing.assert_array_equal(network(network.prepare(rows), moving.astype(np.float32), numbers), numbers)
            for weight in network.weights:
                weight.assign(RNG.normal(size=weight.shape))
        outputs = network.network(rows, moving.astype(np.float32)).numpy()
        if gate == "none":
            expected = outputs
        else:
            share, proposal = 1.0 / (1.0 + np.exp(-outputs[:, :4])), outputs[:, 4:]
            residual = numbers + share * proposal
            expected = residual if gate == "residual" else share * numbers + (1.0 - share) * proposal
        found = network(network.prepare(rows), moving.astype(np.float32), numbers)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "slot",
    [
        {"name": "hmc", "steps": 0, "leapfrog": 1, "kl_warm_up": 0.0},
        {"name": "hmc", "kl_warm_up": 1.0},
        {"name": "importance_refined", "samples": 2, "rate": 1.0},
        {"name": "gradient_refined", "steps": 0, "samples": 1, "test_steps": 0, "test_samples": 1, "warm_start": 0.0},
        {"name": "gradient_refined", "warm_start": 1.0, "kl_warm_up": 1.0, "momentum": 0.0},
        {"name": "mc_likelihood", "samples": 1},
    ],
    ids=str,
)
def test_numbers_at_the_ends_of_their_ranges_are_taken(slot):
    found = INFERENCES.build(slot)
    assert {name: getattr(found, name) for name in slot if name != "name"} == {
        k: v for k, v in slot.items() if k != "name"
    }


@pytest.mark.parametrize("step_size", [0.0, -0.1, float("inf"), float("nan")])
def test_the_step_of_hmc_is_positive_and_finite(step_size):
    with pytest.raises(ValueError, match="'hmc' needs step_size > 0"):
        INFERENCES.build({"name": "hmc", "step_size": step_size})
