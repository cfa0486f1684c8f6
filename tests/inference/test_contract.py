"""What every inference method of the table keeps to, on a linear-Gaussian model whose log p(x) has a closed form."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import random
from ssvae.gradients.base import draw
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.quadrature import Quadrature
from ssvae.inference import INFERENCES
from ssvae.inference.amortized import Amortized
from ssvae.inference.base import Inference
from ssvae.inference.evidence import Evidence
from ssvae.inference.importance_weighted import ImportanceWeighted
from ssvae.inference.mc_likelihood import MCLikelihood

SEED = random.seed_tensor(1)


CONTINUOUS = [name for name in INFERENCES.names() if name != "importance_refined"]  # of binary latents: test_binary.py


@pytest.fixture(params=CONTINUOUS)
def inference(request):
    settings = {"iterative": {"encodings": ("gradient",), "samples": 10}, "mc_likelihood": {"samples": 200}}
    return INFERENCES.build({"name": request.param, **settings.get(request.param, {})})


def test_bound_is_below_log_p_in_expectation(inference, linear_gaussian):
    model, x = linear_gaussian(), linear_gaussian.x
    rows = np.repeat(x, 2000, axis=0)
    found = np.array(inference.bound(model, rows, None, Pathwise(), SEED)).reshape(len(x), -1)
    error = found.std(axis=1) / np.sqrt(found.shape[1])
    log_p = model.log_evidence(x)
    assert (found.mean(axis=1) < log_p + 4 * error).all()
    assert (found.mean(axis=1) > log_p - 3.0).all()  # q is near the posterior
    assert isinstance(inference, Inference)
    assert type(inference).from_config(inference.get_config()) == inference


def test_shapes_and_every_class_under_its_own_mean(inference, linear_gaussian):
    model, x, classes = linear_gaussian(error=0.0), linear_gaussian.x, linear_gaussian.classes
    assert inference.bound(model, x, None, Pathwise(), SEED).shape == (4,)
    rows = np.repeat(x, 500, axis=0)
    found = np.array(inference.bound(model, rows, tf.eye(classes)[:, None, :], Pathwise(), SEED))
    assert found.shape == (classes, len(rows))
    log_p = np.array([model.log_evidence(x, k) for k in range(classes)])
    means = found.reshape(classes, len(x), -1).mean(axis=2)
    assert (means < log_p + 0.1).all()
    np.testing.assert_allclose(means, log_p, atol=0.6)


def test_bound_has_a_gradient_by_the_model_and_by_q(inference, linear_gaussian):
    error, model = tf.Variable(0.5), linear_gaussian()
    loading = tf.Variable(model.loading)
    model.error, model.loading, rows = error, loading, np.repeat(model.x, 500, 0)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(inference.bound(model, rows, None, Pathwise(), SEED, training=True))
    by_error, by_loading = tape.gradient(value, [error, loading])
    if isinstance(inference, MCLikelihood):
        assert by_error is None  # it has no q
    else:
        assert float(by_error) < 0  # a larger error is a lower bound
    assert np.isfinite(by_loading).all()
    assert np.abs(by_loading).max() > 0


def test_amortized_is_the_closed_form_elbo(linear_gaussian):
    model, x = linear_gaussian(), linear_gaussian.x
    np.testing.assert_allclose(Amortized().bound(model, x, None, Quadrature(8), SEED), model.elbo(x), atol=1e-4)
    rows = np.repeat(x, 3000, axis=0)
    found = np.array(Amortized().bound(model, rows, None, Pathwise(), SEED)).reshape(len(x), -1)
    error = found.std(axis=1) / np.sqrt(found.shape[1])
    assert (np.abs(found.mean(axis=1) - model.elbo(x)) < 4 * error).all()


def test_importance_weighted_approaches_log_p_from_below(linear_gaussian):
    model, x = linear_gaussian(error=0.6), linear_gaussian.x
    gaps, rows = [], np.repeat(x, 200, axis=0)
    for samples in (2, 20, 200):
        bounds = np.array(ImportanceWeighted(samples).bound(model, rows, None, Pathwise(), SEED))
        gaps.append((model.log_evidence(x) - bounds.reshape(len(x), -1).mean(axis=1)).mean())
    assert model.log_evidence(x).mean() - model.elbo(x).mean() > gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] < 0.02
    with pytest.raises(ValueError, match="samples >= 2, got 1: use 'amortized'"):
        ImportanceWeighted(1)


def test_draws_from_the_prior_approach_log_p_from_below(linear_gaussian):
    model, x = linear_gaussian(), linear_gaussian.x
    rows, gaps = np.repeat(x, 200, axis=0), []
    for samples in (1, 10, 2000):
        bounds = np.array(MCLikelihood(samples).bound(model, rows, None, Pathwise(), SEED)).reshape(len(x), -1)
        gaps.append((model.log_evidence(x) - bounds.mean(axis=1)).mean())
    assert gaps[0] > gaps[1] > gaps[2] > -0.02
    assert gaps[2] < 0.05
    with pytest.raises(ValueError, match="samples >= 1, got 0"):
        MCLikelihood(0)


def test_draws_that_rows_share_are_those_of_one_row(linear_gaussian):
    model, x = linear_gaussian(), linear_gaussian.x
    shared = np.array(MCLikelihood(50, shared=True).bound(model, x, None, Pathwise(), SEED))
    alone = [float(MCLikelihood(50).bound(model, row[None], None, Pathwise(), SEED)[0]) for row in x]
    np.testing.assert_allclose(shared, alone, rtol=1e-5)


def test_closed_form_kl_is_the_mean_of_its_sampled_terms(linear_gaussian):
    model, x = linear_gaussian(), linear_gaussian.x
    rows = np.repeat(x, 5000, axis=0)
    q = model.posterior(model.encode(tf.constant(rows), None))
    evidence = Evidence(model.joint(None), q, rows)
    values = draw(q, 1, SEED)
    sampled, closed = evidence(values), evidence.closed_form(values)
    assert not closed.negative_log_posterior
    estimate = (sampled.log_prior["z"] + sampled.negative_log_posterior["z"]).numpy().reshape(len(x), -1)
    error = estimate.std(axis=1) / np.sqrt(estimate.shape[1])
    truth = closed.log_prior["z"].numpy().reshape(len(x), -1)
    assert np.ptp(truth, axis=1).max() < 1e-5
    assert (np.abs(estimate.mean(axis=1) - truth[:, 0]) < 4 * error).all()
