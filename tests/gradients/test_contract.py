"""What every gradient estimator of the table keeps to: value and gradient are those of the exact expectation."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import random
from ssvae.distributions import bernoulli, diagonal_normal, one_hot
from ssvae.gradients import GRADIENTS
from ssvae.gradients.base import Gradient, Integrand, Terms

ROWS = 4000  # independent estimates, from which the standard error is found
SEED = random.seed_tensor(3)
STATES = {  # every value of a discrete variable, [states, Z]
    "one_hot": np.eye(3, dtype=np.float32),
    "bernoulli": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
}
FUNCTIONS = {
    "constant": lambda z: tf.ones_like(z[..., 0]) * 1.5,
    "linear": lambda z: z[..., 0] - 2.0 * z[..., 1],
    "quadratic": lambda z: tf.square(z[..., 0] + 0.5 * z[..., 1]) - 1.0,
    "sine": lambda z: tf.sin(z[..., 0] + z[..., 1]),
}
VARIATIONS = {  # what entries with such a field are tried with beside their defaults; there are 3 classes
    "samples": [{"samples": s} for s in (1, 2, 3)],
    "count": [{"count": c, "draws": d} for c in (1, 2) for d in (1, 2)],
    "most": [{"most": 2, "count": 1}],
}
LATENTS = {
    "": ("normal", "one_hot", "bernoulli"),
    "enumerable": ("one_hot", "bernoulli"),
    "categorical": ("one_hot",),
    "reparameterised": ("normal",),
    "gaussian": ("normal",),
    "binary": ("bernoulli",),
    "independent binary": ("bernoulli",),
}


class Scaled(Integrand):
    """θ · f(z) − log q(z), with its value in three parts that have to be added up."""

    def __init__(self, function, scale, q):
        self.function, self.scale, self.q = function, scale, q

    def __call__(self, values):
        value = self.scale * self.function(values["z"])
        return Terms(0.25 * value, {"z": 0.75 * value}, {"z": -self.q.log_prob(values["z"])})


def pieces() -> list:
    """Every entry with its defaults, and with the variations of the settings that it has."""
    found = []
    for name in GRADIENTS.names():
        fields = [field.name for field in dataclasses.fields(GRADIENTS.get(name))]
        found += [{"name": name}, *({"name": name, **more} for field in fields for more in VARIATIONS.get(field, ()))]
    return [slot for slot in found if samples(slot) >= GRADIENTS.get(slot["name"]).min_samples]


def samples(slot) -> int:
    return slot.get("samples", GRADIENTS.get(slot["name"]).samples)


def cases() -> list:
    joint = {str(slot): 4 ** samples(slot) for slot in pieces() if GRADIENTS.get(slot["name"]).multi_sample}
    few = [slot for slot in pieces() if joint.get(str(slot), 1) < 10_000]  # states whose sum is the truth
    kinds = [(slot, kind) for slot in few for kind in LATENTS[GRADIENTS.get(slot["name"]).requires]]
    # A bound of many samples is summed over their joint states, which continuous latents do not have.
    kinds = [(slot, kind) for slot, kind in kinds if kind != "normal" or not GRADIENTS.get(slot["name"]).multi_sample]
    return [pytest.param(slot, kind, id="-".join([*map(str, slot.values()), kind])) for slot, kind in kinds]


def parameters(kind) -> np.ndarray:
    """Return the numbers of q for two classes (a leading axis), [2, 1, P]."""
    width = {"normal": 4, "one_hot": 3, "bernoulli": 2}[kind]
    return np.random.default_rng(width).normal(0, 0.6, (2, 1, width)).astype(np.float32)


def distribution(kind, numbers):
    if kind == "normal":
        return diagonal_normal(*tf.split(numbers, 2, axis=-1))
    return one_hot(numbers) if kind == "one_hot" else bernoulli(numbers)


def exact(kind, numbers, function, theta, many) -> tf.Tensor:
    """Return E_q[θ f − log q] by enumeration, or by a dense grid; or E_q[log 1/S Σ_s exp(θ f − log q)], S = `many`."""
    q = distribution(kind, numbers)
    if kind != "normal":
        states = STATES[kind].reshape(-1, 1, 1, STATES[kind].shape[1])
        log_q = q.log_prob(states)  # [states, classes, rows]
        values = theta * function(states) - log_q
        tuples = np.array(list(itertools.product(range(len(states)), repeat=many)))  # [tuples, S]
        log_mean = tf.reduce_logsumexp(tf.gather(values, tuples), axis=1) - np.log(many)
        return tf.reduce_sum(tf.exp(tf.reduce_sum(tf.gather(log_q, tuples), axis=1)) * log_mean, axis=0)
    mean, log_variance = tf.split(numbers, 2, axis=-1)
    axis = np.linspace(-7, 7, 71, dtype=np.float32)
    nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 1, 1, 2)
    weight = np.exp(-0.5 * (nodes**2).sum(axis=-1))
    value = function(mean + tf.exp(0.5 * log_variance) * nodes)
    return theta * tf.reduce_sum(weight / weight.sum() * value, axis=0) + q.entropy()


def read(numbers, theta, compute) -> list[np.ndarray]:
    """Return the value, its gradient by q's numbers, and its gradient by θ, one a class and row."""
    numbers, theta = tf.Variable(numbers), tf.Variable(theta)
    with tf.GradientTape() as tape:
        value = compute(numbers, theta)
        total = tf.reduce_sum(value)
    gradients = tape.gradient(total, [numbers, theta], unconnected_gradients="zero")
    return [np.array(value), *(np.array(tf.convert_to_tensor(gradient)) for gradient in gradients)]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("slot", "kind"), cases())
def test_value_and_gradient_are_the_exact_ones(slot, kind, function):
    f, gradient = FUNCTIONS[function], GRADIENTS.build(slot)
    start, theta = parameters(kind), np.array([[1.0], [2.0]], np.float32)  # f differs by class too
    many = gradient.samples if gradient.multi_sample else 1
    truth = read(start, theta, lambda n, t: exact(kind, n, f, t, many))
    rows, thetas = np.tile(start, (1, ROWS, 1)), np.tile(theta, (1, ROWS))

    def estimate(numbers, scale):
        q = distribution(kind, numbers)
        return gradient.expectation(Scaled(f, scale, q), {"z": q}, SEED, training=True)

    found = read(rows, thetas, estimate)
    assert found[0].shape == (2, ROWS)
    for part, (estimates, expected) in enumerate(zip(found, truth, strict=True)):
        if part == 1 and not gradient.unbiased:
            continue
        estimates = estimates.astype(float)
        error = estimates.std(axis=1) / np.sqrt(ROWS)
        expected = expected.reshape(estimates.mean(axis=1).shape)
        assert (np.abs(estimates.mean(axis=1) - expected) < 4 * error + 2e-5).all(), ("value", "by q", "by θ")[part]


@pytest.mark.parametrize("slot", pieces(), ids=str)
def test_is_a_function_of_its_seed(slot):
    gradient = GRADIENTS.build(slot)
    kind = LATENTS[gradient.requires][0]
    q = {"z": distribution(kind, parameters(kind))}
    f = Scaled(FUNCTIONS["sine"], 1.0, q["z"])
    first, second = (gradient.expectation(f, q, SEED) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert isinstance(gradient, Gradient)
    assert isinstance(gradient.unbiased, bool)
    assert type(gradient).from_config(gradient.get_config()) == gradient


DEFAULTS = {
    "auto": {"most": 32, "count": 8, "draws": 1, "samples": 4},
    "double_control": {"samples": 8},
    "enumeration": {},
    "gumbel_softmax": {"samples": 1, "temperature": 0.5},
    "local_expectation": {"samples": 1},
    "mean_propagation": {"samples": 1},
    "nvil": {
        "samples": 1, "running_mean": True, "input_baseline": True, "normalization": True, "local_signals": True,
        "momentum": 0.8, "hidden": (100,),
    },
    "pathwise": {"samples": 1},
    "quadrature": {"nodes": 32},
    "rws": {"samples": 10, "wake": 0.5},
    "sample": {"samples": 8},
    "score_function": {"samples": 8},
    "straight_through": {"samples": 1},
    "topm": {"count": 8, "draws": 1},
    "vimco": {"samples": 5},
    "wake_sleep": {"samples": 1},
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS.names())
def test_a_slot_that_names_no_setting_means_what_it_meant_when_it_was_saved(name):
    assert {field.name: field.default for field in dataclasses.fields(GRADIENTS.get(name))} == DEFAULTS[name]


def test_two_variables_of_which_the_second_depends_on_the_first():
    """E[z1 · z2] with z1 ~ N(m, 1), z2 ~ N(z1, 1) is m² + 1."""
    mean = tf.Variable(tf.fill([ROWS, 1], 0.7))
    for slot in pieces():
        kind = GRADIENTS.get(slot["name"])
        if "normal" not in LATENTS[kind.requires] or kind.multi_sample:
            continue
        with tf.GradientTape() as tape:
            q = {
                "a": diagonal_normal(mean, tf.zeros_like(mean)),
                "b": lambda v: diagonal_normal(v["a"], tf.zeros_like(v["a"])),
            }
            value = GRADIENTS.build(slot).expectation(Product(), q, SEED)
            total = tf.reduce_sum(value)
        found = [(value, 0.7**2 + 1)]
        if GRADIENTS.get(slot["name"]).unbiased:
            found.append((tape.gradient(total, mean)[:, 0], 1.4))
        for estimates, truth in found:
            assert estimates.shape == (ROWS,)
            error = np.std(estimates) / np.sqrt(ROWS)
            assert abs(np.mean(estimates) - truth) < 4 * error + 2e-5, slot


class Product(Integrand):
    def __call__(self, values):
        return Terms(values["a"][..., 0] * values["b"][..., 0], {}, {})


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("pathwise", "one_hot", "'pathwise' needs reparameterised latents; 'z' is .*: use 'score_function' or"),
        ("pathwise", "bernoulli", "'pathwise' needs reparameterised latents"),
        ("enumeration", "normal", "'enumeration' needs categorical or at most 16 binary variables.*'score_function'"),
        ("topm", "normal", "'topm' needs a categorical variable; 'z' is .*Normal.*'pathwise' for continuous"),
        ("topm", "bernoulli", "'topm' needs a categorical variable.*'enumeration' for few"),
        ("quadrature", "one_hot", "'quadrature' needs diagonal Gaussian"),
        ("quadrature", "bernoulli", "'quadrature' needs diagonal Gaussian"),
        ("straight_through", "normal", "'straight_through' needs binary latents; 'z' is .*'pathwise' for continuous"),
        ("mean_propagation", "one_hot", "'mean_propagation' needs binary latents"),
        ("gumbel_softmax", "normal", "'gumbel_softmax' needs binary latents"),
        ("local_expectation", "one_hot", "'local_expectation' needs independent binary latents.*'nvil' or 'vimco'"),
    ],
)
def test_wrong_latents_are_refused(name, kind, message):
    q = {"z": distribution(kind, parameters(kind))}
    with pytest.raises(ValueError, match=message):
        GRADIENTS.build(name).expectation(Scaled(FUNCTIONS["linear"], 1.0, q["z"]), q, SEED)


@pytest.mark.parametrize("name", GRADIENTS.names())
def test_what_an_estimator_requires_it_checks(name):
    gradient = GRADIENTS.build(name)
    for kind in set(LATENTS[""]) - set(LATENTS[gradient.requires]):
        q = {"z": distribution(kind, parameters(kind))}
        with pytest.raises(ValueError, match=r"need.*'z' is .*: use '"):
            gradient.expectation(Scaled(FUNCTIONS["linear"], 1.0, q["z"]), q, SEED)


def test_too_much_work_is_refused():
    wide = {"z": diagonal_normal(tf.zeros([1, 5]), tf.zeros([1, 5]))}
    with pytest.raises(ValueError, match=r"would need 32 \*\* 5 nodes"):
        GRADIENTS.build("quadrature").expectation(Scaled(FUNCTIONS["linear"], 1.0, wide["z"]), wide, SEED)
    many = {"z": bernoulli(tf.zeros([1, 17]))}
    with pytest.raises(ValueError, match="at most 16 binary"):
        GRADIENTS.build("enumeration").expectation(Scaled(FUNCTIONS["linear"], 1.0, many["z"]), many, SEED)


@pytest.mark.parametrize(
    ("slot", "message"),
    [
        ({"name": "score_function", "samples": 1}, "samples >= 2"),
        ({"name": "double_control", "samples": 1}, "samples >= 2"),
        ({"name": "vimco", "samples": 1}, "samples >= 2"),
        ({"name": "rws", "samples": 1}, "samples >= 2"),
        ({"name": "rws", "wake": 1.5}, r"wake in \[0, 1\]"),
        ({"name": "nvil", "samples": 0}, "samples >= 1"),
        ({"name": "nvil", "momentum": 1.0}, r"momentum in \[0, 1\)"),
        ({"name": "nvil", "hidden": "a"}, "hidden must be an integer or a list of integers, got 'a'"),
        ({"name": "pathwise", "samples": 0}, "gradient 'pathwise' needs samples >= 1"),
        ({"name": "wake_sleep", "samples": 0}, "samples >= 1"),
        ({"name": "straight_through", "samples": 0}, "samples >= 1"),
        ({"name": "mean_propagation", "samples": 0}, "samples >= 1"),
        ({"name": "gumbel_softmax", "temperature": 0.0}, "temperature > 0, got 0.0"),
        ({"name": "local_expectation", "samples": 0}, "samples >= 1"),
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(slot, message):
    with pytest.raises(ValueError, match=message):
        GRADIENTS.build(slot)
