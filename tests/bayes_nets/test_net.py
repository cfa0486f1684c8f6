"""Nets as they are described: order, draws, densities of both forms, errors."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, InverseCDF, LocationScale, Observed, Recurrent
from ssvae.bayes_nets.check import check_start
from ssvae.bayes_nets.posterior_density import PosteriorDensity


def test_noise_is_the_inverse_of_values(net):
    z = {name: value for name, value in net.sample((3, 2), 0).items() if name in net.latents}
    again = net.values(net.noise(z))
    for name, value in z.items():
        np.testing.assert_allclose(again[name], value, rtol=2e-3, atol=2e-4)


def test_densities_of_the_forms_differ_by_the_log_determinant(net):
    """log p(z) = log p(ε) − log |∂z/∂ε|, the determinant from automatic differentiation of all latents at once."""
    data = net.sample((1,), 1)
    data = {name: data[name] for name in net.observed}
    original, auxiliary = (PosteriorDensity(net, data, form) for form in ("original", "auxiliary"))
    z = {name: value for name, value in net.sample((1, 1), 2).items() if name in net.latents}
    epsilon = tf.Variable(auxiliary.state(z)[0])

    def move(state):
        return original.state(auxiliary.values(state))

    with tf.GradientTape() as tape:
        moved = move(epsilon)
    jacobian = tape.jacobian(moved, epsilon)[0, :, 0, :]
    log_determinant = np.linalg.slogdet(np.float64(jacobian))[1]
    found = auxiliary.log_prob(epsilon)[0] - original.log_prob(original.state(z)[0])[0]
    assert float(found) == pytest.approx(log_determinant, abs=2e-3)


def test_the_density_is_that_of_the_joint_distribution(net):
    drawn = net.sample((3,), 4)
    joint = net.joint()
    assert set(joint.sample(2, seed=[0, 1])._fields) == set(drawn)
    target = PosteriorDensity(net, {name: drawn[name] for name in net.observed}, "original")
    z = {name: drawn[name][tf.newaxis] for name in net.latents}
    found = target.log_prob(target.state(z))[0]
    np.testing.assert_allclose(joint.log_prob(**drawn), found, rtol=1e-4, atol=2e-3)


def test_a_mixed_form_has_the_density_of_its_parts():
    net = BayesNet(a=Gaussian(2, 0.0, 2.0), b=Gaussian(2, lambda a: a, 0.1))
    z = net.sample((5, 1), 0)
    mixed = PosteriorDensity(net, {}, {"a": "original", "b": "auxiliary"})
    expected = tfd.Normal(0.0, 2.0).log_prob(z["a"]) + tfd.Normal(0.0, 1.0).log_prob((z["b"] - z["a"]) / 0.1)
    np.testing.assert_allclose(mixed.log_prob(mixed.state(z)), tf.reduce_sum(expected, -1), rtol=1e-4)
    np.testing.assert_allclose(mixed.values(mixed.state(z))["b"], z["b"], rtol=1e-4, atol=1e-5)


def test_draws_of_a_chain_have_its_moments(linear_chain):
    z = linear_chain.sample((20_000,), 0)["z"].numpy()[..., 0]
    variance = [1.0]
    for _ in range(3):
        variance.append(0.9**2 * variance[-1] + 0.5**2)
    np.testing.assert_allclose(z.var(axis=0), variance, rtol=0.05)
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=0.04)


def test_the_order_of_nodes_is_not_that_of_the_arguments():
    net = BayesNet(x=Observed(lambda b: tfd.Normal(b, 1.0)), b=Gaussian(1, lambda a: a), a=Gaussian(1))
    assert list(net.latents) == ["a", "b"]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"a": Gaussian(1, lambda b: b), "b": Gaussian(1, lambda a: a)}, "has a cycle: (a -> b -> a|b -> a -> b)"),
        ({"a": Gaussian(1, lambda a: a)}, "has a cycle: a -> a"),
        ({"a": Gaussian(1, lambda bb: bb), "b": Gaussian(1)}, "unknown parent of 'a': 'bb'.*"),
        ({"x": Observed(lambda: tfd.Normal(0.0, 1.0))}, "no latent node"),
        ({"a": 3}, "a must be a node"),
        (
            {"a": Gaussian(1), "x": Observed(lambda a: tfd.Normal(a, 1.0)), "b": Gaussian(1, lambda x: x)},
            "'b' depends on 'x', which is observed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nets_that_are_none_are_refused(nodes, message):
    with pytest.raises(ValueError, match=message):
        BayesNet(**nodes)


@pytest.mark.parametrize("shape", [0, 2.5, [], [3, -1]], ids=str)
def test_shapes_are_positive_integers(shape):
    with pytest.raises(ValueError, match="shape must be an integer >= 1"):
        Gaussian(shape)


@pytest.mark.parametrize(
    ("net", "data", "message"),
    [
        (BayesNet(a=Gaussian(2, 0.0, 0.0)), {}, "'a': its scale must be > 0 and finite"),
        (BayesNet(a=Gaussian(2, 0.0, [1.0, -1.0])), {}, "'a': its scale must be > 0"),
        (BayesNet(a=Gaussian(2, 0.0, float("inf"))), {}, "'a': its scale must be > 0 and finite"),
        (BayesNet(a=Gaussian(1), b=Gaussian(1, 0.0, lambda a: 0.0 * a)), {}, "'b': its scale must be > 0"),
        (BayesNet(z=Recurrent(3, 2, lambda z: z, scale=0.0)), {}, "'z': its scale must be > 0"),
        (BayesNet(a=LocationScale(1, tfd.Logistic(0.0, 1.0), float("nan"))), {}, "'a': log p at a draw .* is nan"),
        (BayesNet(a=InverseCDF(1, lambda: tfd.Uniform(0.0, float("inf")))), {}, "'a': log p .* improper"),
        (
            BayesNet(a=Gaussian(1), x=Observed(lambda a: tfd.Normal(a, 1.0))),
            {"x": [[float("nan")]]},
            "'x': log p of its data .* is nan",
        ),
        (
            BayesNet(a=Gaussian(1), x=Observed(lambda a: tfd.Uniform(a, a + 1.0))),
            {"x": [[99.0]]},
            "'x' cannot have these data or parameters: Sample must be less than or equal to `high`",
        ),
        (
            BayesNet(a=Gaussian(1), x=Observed(lambda a: tfd.Bernoulli(logits=a))),
            {"x": [[3.0]]},
            "'x' cannot have these data or parameters: .*must be",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_densities_that_are_none_are_named_before_sampling(net, data, message):
    target = PosteriorDensity(net, data)
    with pytest.raises(ValueError, match=message):
        check_start(net, target.data, net.sample((2, target.rows), 0))


@pytest.mark.parametrize("kind", [tf.constant, np.array, list], ids=["tensor", "array", "list"])
def test_data_may_be_integers(kind):
    net = BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Bernoulli(logits=z)))
    target = PosteriorDensity(net, {"x": kind([[0, 1], [1, 1]])})
    assert target.rows == 2
    assert target.log_prob(tf.zeros([3, 2, 2])).shape == (3, 2)


def test_data_and_forms_are_checked():
    net = BayesNet(a=Gaussian(1), x=Observed(lambda a: tfd.Normal(a, 1.0)), y=Observed(lambda a: tfd.Normal(a, 1.0)))
    with pytest.raises(ValueError, match="data of the observed node 'y' are missing, got \\['x'\\]"):
        PosteriorDensity(net, {"x": [[0.0]]})
    with pytest.raises(ValueError, match=r"as many rows, got \{'x': 1, 'y': 2\}"):
        PosteriorDensity(net, {"x": [[0.0]], "y": [[0.0], [1.0]]})
    with pytest.raises(ValueError, match="one entry a row"):
        PosteriorDensity(net, {"x": 0.0, "y": [[0.0]]})
    with pytest.raises(ValueError, match="form of 'a' must be one of"):
        PosteriorDensity(net, {"x": [[0.0]], "y": [[0.0]]}, "centered")


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (1, 1), (4, 3), (2, 4, 1)], ids=str)
def test_functions_see_no_leading_axes_of_one_entry(shape):
    """Eager products of [a, 1, m, n] with [n, k] write beyond their result (TensorFlow issue 117700)."""
    seen = []

    def mean(before):
        seen.append(before.shape)
        return tf.tanh(before)

    net = BayesNet(z=Recurrent(3, 2, mean), x=Observed(lambda z: tfd.Normal(z[..., 0], 1.0)))
    drawn = net.sample(shape, 0)
    assert drawn["z"].shape == (*shape, 3, 2)
    assert drawn["x"].shape == (*shape, 3)
    target = PosteriorDensity(net, {"x": drawn["x"][(0,) * (len(shape) - 1)]})
    state = target.state({"z": drawn["z"]})
    assert state.shape == (*shape, 6)
    assert target.log_prob(state).shape == shape
    np.testing.assert_allclose(target.values(state)["z"], drawn["z"], rtol=1e-5)
    check_start(net, target.data, drawn)
    ones = 1 if shape == (1, 1) else 0
    assert all(list(of[: -1 if len(of) < 3 else 1]).count(1) <= ones for of in seen)


def test_many_steps_are_a_loop_with_the_same_values_and_gradients(monkeypatch):
    net = BayesNet(z=Recurrent(6, 2, lambda before: tf.tanh(1.5 * before), scale=0.3))
    epsilon = tf.random.stateless_normal([5, 6, 2], [1, 2])

    def run(epsilon):
        with tf.GradientTape() as tape:
            tape.watch(epsilon)
            z = net.values({"z": epsilon})["z"]
        return z, tape.gradient(z, epsilon, tf.cos(z))

    unrolled = run(epsilon)
    monkeypatch.setattr("ssvae.bayes_nets.recurrent.UNROLLED", 5)
    for found in (run(epsilon), tf.function(run, autograph=False, jit_compile=True)(epsilon)):
        for one, other in zip(found, unrolled, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 2)), r"'x' must have one entry a row, \[rows >= 1, \.\.\.\], got shape \(0, 2\)"),
        (1.0, r"'x' must have one entry a row, .*, got shape \(\)"),
        (np.array([["a", "b"]]), r"'x' must be an array of numbers \[rows, \.\.\.\], got "),
        ([[1.0, 2.0], [3.0]], r"'x' must be an array of numbers"),
    ],
    ids=str,
)
def test_data_that_are_no_rows_of_numbers_are_refused(x, message):
    net = BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Normal(z, 1.0)))
    with pytest.raises(ValueError, match=message):
        PosteriorDensity(net, {"x": x})
