"""log p(x) by a grid against closed forms; the estimators of log p(x) of one learnt net against the grid."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, InverseCDF, Observed
from ssvae.bayes_nets.annealed_importance import annealed_importance
from ssvae.bayes_nets.grid_quadrature import grid, log_marginal
from ssvae.bayes_nets.mcem import MonteCarloEM
from ssvae.bayes_nets.of_model import of_model
from ssvae.bayes_nets.reciprocal_estimator import reciprocal
from ssvae.bayes_nets.sampling import sample
from ssvae.distributions import bernoulli
from ssvae.evaluation import log_likelihood
from ssvae.inference import INFERENCES
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models import MODELS

LOADING = np.array([[1.0, -0.5, 0.3], [0.2, 0.8, -1.0]], np.float32)
X = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")


def test_a_grid_finds_log_p_of_probabilistic_pca():
    net = BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Normal(tf.linalg.matmul(z, LOADING), 0.5)))
    reported = []
    found = log_marginal(net, {"x": X}, 100, lambda done, total: reported.append((done, total)))
    truth = stats.multivariate_normal(np.zeros(3), LOADING.T @ LOADING + 0.25 * np.eye(3)).logpdf(X)
    np.testing.assert_allclose(found, truth, atol=1e-3)
    assert reported[-1] == (10_000, 10_000)
    assert np.abs(log_marginal(net, {"x": X}, 4) - truth).max() > 0.02  # four points are too few


def test_a_posterior_where_the_prior_has_little_mass_is_found():
    net = BayesNet(z=Gaussian(1), x=Observed(lambda z: tfd.Normal(z, 0.2)))
    found = log_marginal(net, {"x": [[3.0]]}, 100)  # cells of equal mass would end at 2.6
    np.testing.assert_allclose(found, stats.norm(0.0, np.sqrt(1.04)).logpdf(3.0), atol=0.01)


def test_cells_have_equal_mass_whatever_the_distribution():
    net = BayesNet(p=InverseCDF(1, lambda: tfd.Exponential(2.0)), x=Observed(lambda p: tfd.Normal(p, 1.0)))
    np.testing.assert_allclose(net.values({"p": tf.constant(grid(net, 4))})["p"][:, 0], stats.expon.ppf(
        [0.125, 0.375, 0.625, 0.875], scale=0.5), rtol=1e-4)  # fmt: skip


def test_every_draw_with_every_row_is_the_sum_over_pixels():
    logits = np.random.default_rng(1).normal(size=(7, 1, 4)).astype("f4")
    x = np.random.default_rng(2).integers(0, 2, (5, 4)).astype("f4")
    expected = stats.bernoulli(1 / (1 + np.exp(-logits))).logpmf(x.astype(int)).sum(axis=-1)
    found = bernoulli(tf.constant(logits)).log_prob(x)
    assert found.shape == (7, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_too_many_latents_are_refused():
    net = BayesNet(z=Gaussian(4), x=Observed(lambda z: tfd.Normal(z, 1.0)))
    with pytest.raises(ValueError, match="supports at most 3 latent numbers a row, this net has 4"):
        log_marginal(net, {"x": np.zeros((1, 4))})
    with pytest.raises(ValueError, match="points must be an integer >= 1, got 0"):
        log_marginal(BayesNet(z=Gaussian(1), x=Observed(lambda z: tfd.Normal(z, 1.0))), {"x": [[0.0]]}, 0)


@pytest.mark.slow
def test_the_estimators_agree_with_the_grid_on_a_learnt_net():
    rng = np.random.default_rng(3)
    bars = rng.random((300, 1)) < np.repeat(rng.random((300, 2)), 4, axis=1)  # two rates of four pixels each
    x = bars.astype("f4")
    model = MODELS.build({"name": "m1", "latent": 2, "hidden": [8]}, features=8, likelihood=Bernoulli(), seed=0)
    net, rows = of_model(model), x[:4]
    weights = model.decoder.trainable_variables
    method = MonteCarloEM(net, weights, {"x": x}, proposals=32, leapfrog=3, optimizer=keras.optimizers.Adam(1e-2))
    before = log_marginal(net, {"x": x}, 40).mean()
    method.run(200)
    assert log_marginal(net, {"x": x}, 40).mean() > before + 0.3
    truth = log_marginal(net, {"x": rows}, 100)
    np.testing.assert_allclose(log_marginal(net, {"x": rows}, 50), truth, atol=1e-3)
    annealed = annealed_importance(net, {"x": rows}, steps=50, chains=64)
    assert (np.abs(annealed.log_p - truth) < 4 * annealed.standard_error + 1e-3).all()
    draws = sample(net, {"x": rows}, chains=8, draws=500, warm_up=300)
    # A Gaussian is wider than these posteriors on one side, where no draw of theirs is: log p comes out high.
    np.testing.assert_allclose(reciprocal(net, {"x": rows}, draws).log_p, truth, atol=0.3)
    importance = log_likelihood.estimate(model, rows, 4000, INFERENCES.build("amortized"))
    np.testing.assert_allclose(importance.log_p, truth, atol=0.1)
