"""Student-t columns, against scipy's."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

import ssvae
from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.likelihoods.student_t import StudentT
from ssvae.preprocessing.standardize import Standardize

SEED = random.seed_tensor(0)
RNG = np.random.default_rng(0)
CENTRES = np.array([[0.0, 20.0, -3.0], [8.0, 0.0, 3.0]])
CLASS = np.repeat([0, 1], 60)
X = (CENTRES[CLASS] + 2.0 * RNG.standard_t(2.5, (120, 3))).astype(np.float32)
LABELS = np.where(np.arange(120) % 6 == 0, CLASS, -1)
SMALL = {"epochs": 30, "batch_size": 30, "learning_rate": 0.01, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    model = {"name": "m2", "latent": 2, "hidden": [16]}
    return SSVAEClassifier(model, likelihood="student_t", **SMALL).fit(X, LABELS)


@pytest.mark.parametrize(("degrees", "floor"), [(4.0, -3.0), (1.5, -1.0), (30.0, -3.0)])
def test_student_t_is_scipys_above_its_floor(degrees, floor):
    h = RNG.normal(0, 1.0, (50, 6)).astype(np.float32)
    x = (3.0 * RNG.standard_t(2, (50, 3))).astype(np.float32)
    p = StudentT(degrees, floor)(h)
    scale = np.exp(floor + np.logaddexp(0, h[:, 3:].astype(float) - floor))
    truth = stats.t(degrees, h[:, :3], scale)
    np.testing.assert_allclose(p.log_prob(x), truth.logpdf(x).sum(axis=1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(p.mean(), h[:, :3], rtol=1e-6)
    if degrees > 2.0:
        np.testing.assert_allclose(p.stddev(), truth.std(), rtol=1e-4)
    drawn = p.sample(2000, seed=SEED).numpy()
    assert (stats.kstest(((drawn - h[:, :3]) / scale).ravel()[::50], stats.t(degrees).cdf).pvalue) > 1e-3


def test_many_degrees_of_freedom_are_a_gaussian():
    h, x = RNG.normal(0, 1.0, (50, 6)).astype(np.float32), RNG.normal(0, 1.0, (50, 3)).astype(np.float32)
    doubled = np.concatenate([h[:, :3], 2.0 * h[:, 3:]], axis=1)  # log σ² = 2 log s
    gaussian = Gaussian(-30.0)(doubled).log_prob(x)
    np.testing.assert_allclose(StudentT(1e6, -15.0)(h).log_prob(x), gaussian, rtol=1e-3, atol=5e-3)


@pytest.mark.parametrize("degrees", [1.0, 0.0, float("nan"), float("inf")])
def test_a_distribution_without_a_mean_is_refused(degrees):
    with pytest.raises(ValueError, match="degrees of likelihood 'student_t' must be finite and > 1, got"):
        StudentT(degrees)


@pytest.mark.parametrize("floor", [float("nan"), float("inf"), -float("inf")])
def test_a_floor_that_is_not_finite_is_refused(floor):
    with pytest.raises(ValueError, match="floor of likelihood 'student_t' must be finite, got"):
        StudentT(floor=floor)


def test_a_classifier_of_columns_with_outliers(fitted):
    assert isinstance(fitted.preprocessing_, Standardize)
    hidden = LABELS < 0
    assert (fitted.predict(X[hidden]) == CLASS[hidden]).mean() > 0.85
    drawn = fitted.sample(200, random_state=0)
    drawn = drawn[0] if isinstance(drawn, tuple) else drawn
    assert np.isfinite(drawn).all()
    assert np.isfinite(fitted.analogies(X[:3])).all()


def test_a_classifier_of_columns_with_outliers_is_saved(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = ssvae.load(tmp_path / "model")
    assert loaded.likelihood_ == StudentT()
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


def test_the_bound_is_its_closed_form():
    """E_q[log p(x | z)] − KL(q || p) by numerical integration over the only latent; it stays below log p(x)."""
    model = {"name": "m1", "latent": 1, "hidden": [8], "classifier": "logistic_regression"}
    settings = {"likelihood": {"name": "student_t", "degrees": 5.0}, "preprocessing": "identity", **SMALL}
    small = X / 10
    fitted = SSVAEClassifier(model, gradient={"name": "quadrature", "nodes": 200}, **settings).fit(small, LABELS)
    x, net = small[:4], fitted.model_
    mean, log_variance = np.split(net.encode(tf.constant(x), None)["z"].numpy().astype(float), 2, axis=1)
    z = np.linspace(-12, 12, 4001)
    p = net.decode({"z": tf.constant(z[:, None], tf.float32)})
    location, deviation = p.mean().numpy().astype(float), p.stddev().numpy().astype(float)
    log_p = stats.t(5.0, location, deviation * np.sqrt(3 / 5)).logpdf(x[:, None]).sum(axis=2)  # [rows, grid]
    q = stats.norm(mean, np.exp(log_variance / 2))
    elbo = integrate.simpson(q.pdf(z) * (log_p + stats.norm.logpdf(z) - q.logpdf(z)), x=z)
    np.testing.assert_allclose(fitted.bound(x), elbo, rtol=1e-3, atol=1e-3)
    assert (elbo < np.log(integrate.simpson(np.exp(log_p) * stats.norm.pdf(z), x=z))).all()
