"""The families that Kingma and Welling (2014), section 2.4, list for z = g(ε), against scipy: one by one."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, InverseCDF, LocationScale, families

EPSILON = np.array([-3.0, -1.0, -0.2, 0.3, 1.0, 2.5, 3.2])
# By an inverse CDF, and by compositions: distribution of a parameter, the same of scipy, the parameter.
FAMILIES = {
    "exponential": (tfd.Exponential, lambda a: stats.expon(scale=1 / a), 1.3),
    "cauchy": (lambda a: tfd.Cauchy(0.5, a), lambda a: stats.cauchy(0.5, a), 1.3),
    "logistic": (lambda a: tfd.Logistic(0.5, a), lambda a: stats.logistic(0.5, a), 1.3),
    "rayleigh": (families.rayleigh, lambda a: stats.rayleigh(scale=a), 1.3),
    "pareto": (lambda a: tfd.Pareto(a, 2.0), lambda a: stats.pareto(a, scale=2.0), 1.3),
    "weibull": (lambda a: tfd.Weibull(a, 2.0), lambda a: stats.weibull_min(a, scale=2.0), 1.3),
    "reciprocal": (lambda a: families.reciprocal(a, 20.0), lambda a: stats.reciprocal(a, 20.0), 1.3),
    "gompertz": (lambda a: families.gompertz(a, 2.0), lambda a: stats.gompertz(a, scale=0.5), 1.3),
    "gompertz by rate": (lambda a: families.gompertz(0.1, a), lambda a: stats.gompertz(0.1, scale=1 / a), 1.3),
    "gumbel": (lambda a: tfd.Gumbel(0.5, a), lambda a: stats.gumbel_r(0.5, a), 1.3),
    "erlang": (lambda a: families.erlang(3, a), lambda a: stats.erlang(3, scale=1 / a), 1.3),
    "log-normal": (lambda a: tfd.LogNormal(0.5, a), lambda a: stats.lognorm(a, scale=np.exp(0.5)), 1.3),
    "gamma": (lambda a: tfd.Gamma(a, 2.0), lambda a: stats.gamma(a, scale=0.5), 1.3),
    "beta": (lambda a: tfd.Beta(a, 2.0), lambda a: stats.beta(a, 2.0), 1.3),
    "chi-squared": (tfd.Chi2, stats.chi2, 3.3),
    "f": (lambda a: families.f(a, 8.0), lambda a: stats.f(a, 8.0), 3.3),
    "f by its denominator": (lambda a: families.f(4.0, a), lambda a: stats.f(4.0, a), 9.3),
    "triangular": (lambda a: tfd.Triangular(0.0, 2.0, a), lambda a: stats.triang(a / 2, scale=2.0), 1.3),
    "triangular at its edge": (lambda a: tfd.Triangular(0.0, a, 0.0), lambda a: stats.triang(0.0, scale=a), 1.3),
}
NOISES = {
    "laplace": (tfd.Laplace(0.0, 1.0), stats.laplace),
    "student": (tfd.StudentT(4.0, 0.0, 1.0), lambda loc, scale: stats.t(4.0, loc, scale)),
    "logistic": (tfd.Logistic(0.0, 1.0), stats.logistic),
    "uniform": (tfd.Uniform(-1.0, 1.0), lambda loc, scale: stats.uniform(loc - scale, 2 * scale)),
    "triangular": (tfd.Triangular(-1.0, 1.0, 0.0), lambda loc, scale: stats.triang(0.5, loc - scale, 2 * scale)),
    "gaussian": (tfd.Normal(0.0, 1.0), stats.norm),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_values_gradients_and_densities_are_those_of_scipy(name):
    """∂z/∂ε = φ(ε) / f(z), and ∂z/∂a is the difference quotient of scipy's quantiles in double precision."""
    family, scipys, a = FAMILIES[name]
    node, true = InverseCDF(1, lambda a: family(a)), scipys(a)
    epsilon, parameter = tf.constant(EPSILON[:, None], tf.float32), tf.fill([len(EPSILON), 1], a)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((epsilon, parameter))
        g = node.bijector({"a": parameter})
        z = g.forward(epsilon)
    mass, step = stats.norm.cdf(EPSILON), 1e-4
    expected = true.ppf(mass)
    by_a = (scipys(a + step).ppf(mass) - scipys(a - step).ppf(mass)) / (2 * step)
    close = {"rtol": 3e-3, "atol": 1e-5}
    np.testing.assert_allclose(z[:, 0], expected, **close)
    np.testing.assert_allclose(tape.gradient(z, epsilon)[:, 0], stats.norm.pdf(EPSILON) / true.pdf(expected), **close)
    np.testing.assert_allclose(tape.gradient(z, parameter)[:, 0], by_a, **close)
    log_p = node.log_prob(tf.constant(expected[:, None], tf.float32), {"a": parameter})
    np.testing.assert_allclose(log_p, true.logpdf(expected), **close)
    np.testing.assert_allclose(g.inverse(z)[:, 0], EPSILON, rtol=5e-3, atol=2e-3)
    np.testing.assert_allclose(
        g.forward_log_det_jacobian(epsilon)[:, 0], stats.norm.logpdf(EPSILON) - true.logpdf(expected), **close
    )


@pytest.mark.parametrize("name", ["rayleigh", "reciprocal", "gompertz", "f"])
def test_what_lies_outside_has_no_density(name):
    family, _, a = FAMILIES[name]
    with tf.GradientTape() as tape:
        parameter = tf.Variable(a)
        log_p = family(parameter).log_prob([-2.0, 0.0])
    assert np.isneginf(log_p).all()
    assert np.isfinite(tape.gradient(log_p, parameter))
    np.testing.assert_array_equal(family(a).cdf([-2.0, 0.0]), 0.0)


@pytest.mark.parametrize("name", NOISES)
def test_families_with_location_and_scale_have_the_densities_of_scipy(name):
    noise, scipys = NOISES[name]
    node = LocationScale(2, noise, 1.5, [0.5, 2.0])
    z = BayesNet(z=node).sample((50,), 0)["z"]
    expected = scipys(1.5, np.array([0.5, 2.0])).logpdf(np.float64(z)).sum(axis=1)
    np.testing.assert_allclose(node.log_prob(z, {}), expected, rtol=1e-4, atol=1e-4)


def test_an_elliptical_distribution_is_a_common_scale():
    """Numbers whose scale² is inverse-gamma are those of a multivariate Student t: with 5 degrees, here."""
    net = BayesNet(v=InverseCDF(1, lambda: tfd.InverseGamma(2.5, 2.5)), z=Gaussian(2, 0.0, lambda v: tf.sqrt(v)))
    z = np.float64(net.sample((4000,), 0)["z"])
    radius = (z**2).sum(axis=1) / 2  # of t with 5 degrees: F with 2 and 5
    assert stats.kstest(radius, stats.f(2, 5).cdf).pvalue > 0.01
    assert abs(np.corrcoef(z[:, 0] ** 2 > 1, z[:, 1] ** 2 > 1)[0, 1]) > 0.05


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        (lambda: tfd.Dirichlet([1.0, 2.0]), r"must be of single numbers, got Dirichlet of arrays of shape \(2,\)"),
        (lambda: tfd.Poisson(3.0), "must be continuous, got Poisson"),
        (lambda: tfd.Bernoulli(0.5), "must be continuous, got Bernoulli"),
        (lambda: tfd.InverseGaussian(1.0, 1.0), "InverseGaussian has no quantile"),
        (lambda: 3.0, "must be a distribution of TensorFlow Probability, got 3.0"),
        (lambda: families.erlang(2.5, 1.0), "stages of erlang must be an integer >= 1, got 2.5"),
    ],
    ids=["vector", "counts", "binary", "no quantile", "a number", "half a stage"],
)
def test_distributions_that_cannot_be_nodes_are_refused(distribution, message):
    with pytest.raises(ValueError, match=message):
        InverseCDF(1, distribution)
    with pytest.raises(ValueError, match=message):
        BayesNet(a=Gaussian(1), b=InverseCDF(1, lambda a: distribution())).sample((2,), 0)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (tfd.MultivariateNormalDiag([0.0, 0.0]), "noise must be of single numbers, got MultivariateNormalDiag"),
        (tfd.Poisson(3.0), "noise must be continuous, got Poisson"),
        (tfd.StudentT([3.0, 4.0], 0.0, 1.0), r"noise must be one distribution, got StudentT of the shape \(2,\)"),
        ("laplace", "noise must be a distribution of TensorFlow Probability, got 'laplace'"),
    ],
    ids=str,
)
def test_noise_is_one_distribution_of_continuous_numbers(noise, message):
    with pytest.raises(ValueError, match=message):
        LocationScale(2, noise)
