"""The terms of log p(x, z) − log q(z | x), sampled and in closed form, against numpy."""

import numpy as np
import pytest
from scipy.stats import norm

from ssvae.distributions import diagonal_normal, standard_normal
from ssvae.inference.evidence import Evidence, kl_weight

B, TEMPER = 4, 0.3
RNG = np.random.default_rng(0)
VALUES = {name: RNG.normal(size=(B, 1)).astype(np.float32) for name in "zc"}
X, ZERO = RNG.normal(size=(B, 1)).astype(np.float32), np.zeros((B, 1), np.float32)
Z, C = (VALUES[name][:, 0] for name in "zc")


def off(mean):
    """N(mean, e^0.5), given by its log-variance."""
    return diagonal_normal(mean, ZERO + 0.5)


# p(z) p(c | z) p(x | c), and q in both orders
JOINT = {
    "z": standard_normal(1),
    "c": lambda v: diagonal_normal(v["z"], ZERO),
    "x": lambda v: diagonal_normal(v["c"], ZERO),
}
DOWNWARDS = {"z": off(ZERO + 0.7), "c": lambda v: off(0.5 * v["z"])}
UPWARDS = {"c": off(ZERO + 0.7), "z": lambda v: off(0.5 * v["c"])}


def kl(mean, of):
    """KL(N(mean, e^0.5) || N(of, 1)), nats."""
    return 0.5 * (np.exp(0.5) + (mean - of) ** 2 - 1.0 - 0.5)


def log_q(value, mean):
    return norm.logpdf(value, mean, np.exp(0.25))


@pytest.mark.parametrize(("q", "means"), [(DOWNWARDS, (0.7, 0.5 * Z)), (UPWARDS, (0.5 * C, 0.7))])
def test_terms_at_values(q, means):
    terms = Evidence(JOINT, q, X, TEMPER)(VALUES)
    np.testing.assert_allclose(terms.log_likelihood, norm.logpdf(X[:, 0], C), rtol=1e-5)
    for name, prior, value, mean in zip("zc", (0.0, Z), (Z, C), means, strict=True):
        np.testing.assert_allclose(terms.log_prior[name], TEMPER * norm.logpdf(value, prior), rtol=1e-5)
        np.testing.assert_allclose(terms.negative_log_posterior[name], -TEMPER * log_q(value, mean), rtol=1e-5)


def test_divergences_are_in_closed_form_where_q_draws_the_parents_first():
    terms = Evidence(JOINT, DOWNWARDS, X, TEMPER).closed_form(VALUES)
    np.testing.assert_allclose(terms.log_likelihood, norm.logpdf(X[:, 0], C), rtol=1e-5)
    np.testing.assert_allclose(terms.log_prior["z"], np.full(B, -TEMPER * kl(0.7, 0.0)), rtol=1e-5)
    np.testing.assert_allclose(terms.log_prior["c"], -TEMPER * kl(0.5 * Z, Z), rtol=1e-5)
    assert terms.negative_log_posterior == {}


def test_a_variable_that_q_draws_before_its_parents_is_scored_at_its_value():
    terms = Evidence(JOINT, UPWARDS, X, TEMPER).closed_form(VALUES)
    np.testing.assert_allclose(terms.log_prior["z"], -TEMPER * kl(0.5 * C, 0.0), rtol=1e-5)
    np.testing.assert_allclose(terms.log_prior["c"], TEMPER * norm.logpdf(C, Z), rtol=1e-5)
    assert sorted(terms.negative_log_posterior) == ["c"]
    np.testing.assert_allclose(terms.negative_log_posterior["c"], -TEMPER * log_q(C, 0.7), rtol=1e-5)


def test_every_term_names_what_it_depends_on():
    found = Evidence(JOINT, UPWARDS, X).parents(VALUES)
    assert found == ({"c"}, {"z": {"z"}, "c": {"c", "z"}}, {"c": {"c"}, "z": {"z", "c"}})


def test_the_divergence_is_weighted_by_the_share_of_the_steps_of_its_warm_up():
    assert [float(kl_weight(0.5, np.float32(done))) for done in (0.0, 0.125, 0.5, 0.75)] == [0.0, 0.25, 1.0, 1.0]
    assert [kl_weight(0.5, False), kl_weight(0.5, True), kl_weight(0.0, np.float32(0.1))] == [1.0, 1.0, 1.0]
