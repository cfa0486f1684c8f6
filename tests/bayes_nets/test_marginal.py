"""log p(x) of nets against closed forms and quadrature."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, InverseCDF, Observed
from ssvae.bayes_nets.annealed_importance import annealed_importance, summary
from ssvae.bayes_nets.reciprocal_estimator import reciprocal
from ssvae.bayes_nets.sampling import sample

X = np.array([[0.3], [4.0], [-2.0]], np.float32)
NORMAL = BayesNet(z=Gaussian(1, 0.5, 2.0), x=Observed(lambda z: tfd.Normal(z, 0.1)))
BITS = np.array([[1, 1, 0, 1, 1]], np.float32)
RATE = BayesNet(
    p=InverseCDF(1, lambda: tfd.Exponential(2.0)), x=Observed(lambda p: tfd.Bernoulli(logits=p * tf.ones(5)))
)


def normal_truth():
    return stats.norm(0.5, np.sqrt(4.01)).logpdf(X[:, 0])


def rate_truth():
    def joint(p):
        return 2 * np.exp(-2 * p) * np.prod(np.where(BITS[0] > 0, special.expit(p), special.expit(-p)))

    return np.log(integrate.quad(joint, 0, 30)[0])


def test_annealing_against_a_closed_form():
    found = annealed_importance(NORMAL, {"x": X}, steps=200, chains=64)
    assert (np.abs(found.log_p - normal_truth()) < 4 * found.standard_error + 0.02).all()
    assert (found.effective > 10).all()


def test_annealing_and_the_reciprocal_against_quadrature():
    annealed = annealed_importance(RATE, {"x": BITS}, steps=50, chains=64)
    assert annealed.log_p[0] == pytest.approx(rate_truth(), abs=4 * annealed.standard_error[0] + 1e-3)
    draws = sample(RATE, {"x": BITS}, chains=8, draws=1000, warm_up=300)
    found = reciprocal(RATE, {"x": BITS}, draws)
    assert found.log_p[0] == pytest.approx(rate_truth(), abs=0.03)


def test_the_reciprocal_against_a_closed_form():
    draws = sample(NORMAL, {"x": X}, chains=8, draws=500, warm_up=300)
    np.testing.assert_allclose(reciprocal(NORMAL, {"x": X}, draws).log_p, normal_truth(), atol=0.05)


def test_the_reciprocal_warns_where_a_few_draws_decide():
    net = BayesNet(z=Gaussian(1), x=Observed(lambda z: tfd.Normal(0.0 * z, 1.0)))
    draws = sample(net, {"x": [[0.0]]}, chains=1, draws=40, warm_up=20, engine="graph")
    values = {"z": draws.values["z"].copy()}
    values["z"][:20] *= 9.0  # q is fitted to the first half, far too wide
    values["z"][20:] *= 0.01
    values["z"][-1] = 6.0
    with pytest.warns(RuntimeWarning, match="a tenth of the weight"):
        reciprocal(net, {"x": [[0.0]]}, draws.__class__(**{**vars(draws), "values": values}))


def test_weights_of_one_draw_have_no_standard_error():
    found = summary(np.array([[-3.0, 2.0]]))
    np.testing.assert_allclose(found.log_p, [-3.0, 2.0])
    assert np.isnan(found.standard_error).all()


def test_wrong_use_is_refused():
    wide = BayesNet(z=Gaussian(6), x=Observed(lambda z: tfd.Normal(z, 1.0)))
    data = {"x": np.zeros([1, 6])}
    draws = sample(wide, data, chains=1, draws=5, warm_up=5, engine="graph")
    with pytest.raises(ValueError, match="supports at most 5 latent numbers a row, this net has 6"):
        reciprocal(wide, data, draws)
    few = sample(NORMAL, {"x": X}, chains=1, draws=5, warm_up=5, engine="graph")
    with pytest.raises(ValueError, match="needs 20 draws or more, got 5"):
        reciprocal(NORMAL, {"x": X}, few)
    with pytest.raises(ValueError, match="steps must be an integer >= 1, got 0"):
        annealed_importance(NORMAL, {"x": X}, steps=0)
