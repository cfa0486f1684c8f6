"""What every gradient of the table keeps to: value and gradient are those of the exact expectation."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ssvae import noise
from ssvae.distributions import bernoulli, diagonal_normal, one_hot
from ssvae.gradients import GRADIENTS
from ssvae.gradients.base import Gradient, Integrand, Terms

ROWS = 4000  # independent estimates, from which the standard error is found
SEED = noise.seed_tensor(3)
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
}


class Scaled(Integrand):
    """θ · f(z), with its value in three parts that have to be added up."""

    def __init__(self, function, scale):
        self.function, self.scale = function, scale

    def __call__(self, values):
        value = self.scale * self.function(values["z"])
        return Terms(0.5 * value, {"z": 0.25 * value}, {"z": 0.25 * value})


def pieces() -> list:
    """Every entry with its defaults, and with the variations of the settings that it has."""
    found = []
    for name in GRADIENTS.names():
        fields = [field.name for field in dataclasses.fields(GRADIENTS.get(name))]
        found += [{"name": name}, *({"name": name, **more} for field in fields for more in VARIATIONS.get(field, ()))]
    refused = [{"name": name, "samples": 1} for name in ("score_function", "sample")]  # see below
    return [slot for slot in found if slot not in refused]


def cases() -> list:
    kinds = [(slot, kind) for slot in pieces() for kind in LATENTS[GRADIENTS.get(slot["name"]).needs]]
    return [pytest.param(slot, kind, id="-".join([*map(str, slot.values()), kind])) for slot, kind in kinds]


def parameters(kind) -> np.ndarray:
    """Return the numbers of q for two classes (a leading axis), [2, 1, P]."""
    width = {"normal": 4, "one_hot": 3, "bernoulli": 2}[kind]
    return np.random.default_rng(width).normal(0, 0.6, (2, 1, width)).astype(np.float32)


def distribution(kind, numbers):
    if kind == "normal":
        return diagonal_normal(*tf.split(numbers, 2, axis=-1))
    return one_hot(numbers) if kind == "one_hot" else bernoulli(numbers)


def exact(kind, numbers, function) -> tf.Tensor:
    """Return E_q[f] by enumeration, or by a dense grid."""
    if kind != "normal":
        states = STATES[kind].reshape(-1, 1, 1, STATES[kind].shape[1])
        return tf.reduce_sum(tf.exp(distribution(kind, numbers).log_prob(states)) * function(states), axis=0)
    mean, log_variance = tf.split(numbers, 2, axis=-1)
    axis = np.linspace(-7, 7, 71, dtype=np.float32)
    nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 1, 1, 2)
    weight = np.exp(-0.5 * (nodes**2).sum(axis=-1))
    value = function(mean + tf.exp(0.5 * log_variance) * nodes)
    return tf.reduce_sum(weight / weight.sum() * value, axis=0)


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
    truth = read(start, theta, lambda n, t: t * exact(kind, n, f))
    rows, thetas = np.tile(start, (1, ROWS, 1)), np.tile(theta, (1, ROWS))

    def estimate(numbers, scale):
        return gradient.expectation(Scaled(f, scale), {"z": distribution(kind, numbers)}, SEED, training=True)

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
    kind = LATENTS[gradient.needs][0]
    q, f = {"z": distribution(kind, parameters(kind))}, Scaled(FUNCTIONS["sine"], 1.0)
    first, second = (gradient.expectation(f, q, SEED) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert isinstance(gradient, Gradient)
    assert isinstance(gradient.unbiased, bool)
    assert type(gradient).from_config(gradient.get_config()) == gradient


def test_two_variables_of_which_the_second_depends_on_the_first():
    """E[z1 · z2] with z1 ~ N(m, 1), z2 ~ N(z1, 1) is m² + 1."""
    mean = tf.Variable(tf.fill([ROWS, 1], 0.7))
    for slot in pieces():
        if "normal" not in LATENTS[GRADIENTS.get(slot["name"]).needs]:
            continue
        with tf.GradientTape() as tape:
            q = {
                "a": diagonal_normal(mean, tf.zeros_like(mean)),
                "b": lambda v: diagonal_normal(v["a"], tf.zeros_like(v["a"])),
            }
            value = GRADIENTS.build(slot).expectation(Product(), q, SEED)
            total = tf.reduce_sum(value)
        for estimates, truth in ((value, 0.7**2 + 1), (tape.gradient(total, mean)[:, 0], 1.4)):
            assert estimates.shape == (ROWS,)
            error = np.std(estimates) / np.sqrt(ROWS)
            assert abs(np.mean(estimates) - truth) < 4 * error + 2e-5, slot


class Product(Integrand):
    def __call__(self, values):
        return Terms(values["a"][..., 0] * values["b"][..., 0], {}, {})


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("pathwise", "one_hot", "'pathwise' needs reparameterised latents; 'z' is not: use 'score_function' or"),
        ("pathwise", "bernoulli", "'pathwise' needs reparameterised latents"),
        ("enumeration", "normal", "'enumeration' needs categorical or at most 16 binary variables.*'score_function'"),
        ("topm", "normal", "'topm' needs a categorical variable; 'z' is .*Normal.*'pathwise' for continuous"),
        ("topm", "bernoulli", "'topm' needs a categorical variable.*'enumeration' for few"),
        ("auto", "normal", "'enumeration' needs categorical"),
        ("quadrature", "one_hot", "'quadrature' needs diagonal Gaussian"),
        ("quadrature", "bernoulli", "'quadrature' needs diagonal Gaussian"),
    ],
)
def test_wrong_latents_are_refused(name, kind, message):
    q = {"z": distribution(kind, parameters(kind))}
    with pytest.raises(ValueError, match=message):
        GRADIENTS.build(name).expectation(Scaled(FUNCTIONS["linear"], 1.0), q, SEED)


def test_too_much_work_is_refused():
    wide = {"z": diagonal_normal(tf.zeros([1, 5]), tf.zeros([1, 5]))}
    with pytest.raises(ValueError, match=r"would need 32 \*\* 5 nodes"):
        GRADIENTS.build("quadrature").expectation(Scaled(FUNCTIONS["linear"], 1.0), wide, SEED)
    with pytest.raises(ValueError, match="at most 16 binary"):
        GRADIENTS.build("enumeration").expectation(
            Scaled(FUNCTIONS["linear"], 1.0), {"z": bernoulli(tf.zeros([1, 17]))}, SEED
        )
    with pytest.raises(ValueError, match="samples >= 2"):
        GRADIENTS.build({"name": "score_function", "samples": 1})
