"""Poisson counts, against scipy's."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

import ssvae
from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.evaluation.topics import topics
from ssvae.likelihoods.poisson import Poisson
from ssvae.preprocessing.identity import Identity

SEED = random.seed_tensor(0)
RNG = np.random.default_rng(0)
RATES = np.array([[1.0, 6.0, 2.0, 0.3], [5.0, 1.0, 2.0, 4.0]])
CLASS = np.repeat([0, 1], 60)
COUNTS = RNG.poisson(RATES[CLASS]).astype(np.float32)
LABELS = np.where(np.arange(120) % 6 == 0, CLASS, -1)
SMALL = {"epochs": 30, "batch_size": 30, "learning_rate": 0.01, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    model = {"name": "m2", "latent": 2, "hidden": [16]}
    return SSVAEClassifier(model, likelihood="poisson", **SMALL).fit(COUNTS, LABELS)


def test_poisson_is_scipys():
    h = RNG.normal(0, 2.0, (50, 3)).astype(np.float32)
    x = RNG.poisson(np.exp(h)).astype(np.float32)
    p = Poisson()(h)
    np.testing.assert_allclose(p.log_prob(x), stats.poisson(np.exp(h.astype(float))).logpmf(x).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(p.mean(), np.exp(h), rtol=1e-4)
    np.testing.assert_allclose(p.stddev(), np.exp(h / 2), rtol=1e-4)
    drawn = p.sample(2000, seed=SEED).numpy()
    assert (drawn == np.round(drawn)).all()
    np.testing.assert_allclose(drawn.var(axis=0).sum(), np.exp(h).sum(), rtol=0.05)


def test_rates_stay_within_their_range():
    p = Poisson()(np.array([[-1e4, 1e4]], np.float32))
    np.testing.assert_allclose(np.log(p.mean()), [[-15.0, 15.0]], rtol=1e-5)
    np.testing.assert_allclose(Poisson().inputs(COUNTS), np.log1p(COUNTS), rtol=1e-6)


def test_a_classifier_of_counts(fitted):
    assert isinstance(fitted.preprocessing_, Identity)
    hidden = LABELS < 0
    assert (fitted.predict(COUNTS[hidden]) == CLASS[hidden]).mean() > 0.85
    drawn = fitted.sample(200, random_state=0)
    drawn = drawn[0] if isinstance(drawn, tuple) else drawn
    assert (drawn >= 0).all()
    swept = fitted.analogies(COUNTS[:3])
    assert np.isfinite(swept).all()
    assert (swept >= 0).all()


def test_a_classifier_of_counts_is_saved(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = ssvae.load(tmp_path / "model")
    assert loaded.likelihood_ == Poisson()
    np.testing.assert_array_equal(loaded.predict_proba(COUNTS), fitted.predict_proba(COUNTS))


def test_topics_are_read_from_rates(fitted):
    found = topics(fitted.model_, list("abcd"), top=2)
    assert len(found) == 2
    assert all(len(topic.words) == 2 and topic.strength >= 0.0 for topic in found)


def test_the_bound_of_counts_is_its_closed_form():
    """E_q[log p(x | z)] − KL(q || p) by numerical integration over the only latent; it stays below log p(x)."""
    model = {"name": "m1", "latent": 1, "hidden": [8], "classifier": "logistic_regression"}
    fitted = SSVAEClassifier(model, likelihood="poisson", gradient="quadrature", **SMALL).fit(COUNTS, LABELS)
    x, net = COUNTS[:4], fitted.model_
    mean, log_variance = np.split(net.encode(tf.constant(x), None)["z"].numpy().astype(float), 2, axis=1)
    z = np.linspace(-12, 12, 4001)
    rates = net.decode({"z": tf.constant(z[:, None], tf.float32)}).mean().numpy().astype(float)
    log_p = stats.poisson(rates).logpmf(x[:, None]).sum(axis=2)  # [rows, grid]
    q = stats.norm(mean, np.exp(log_variance / 2))
    elbo = integrate.simpson(q.pdf(z) * (log_p + stats.norm.logpdf(z) - q.logpdf(z)), x=z)
    np.testing.assert_allclose(fitted.bound(x), elbo, rtol=1e-3)
    assert (elbo < np.log(integrate.simpson(np.exp(log_p) * stats.norm.pdf(z), x=z))).all()


def test_values_below_zero_are_refused():
    with pytest.raises(ValueError, match=r"likelihood Poisson needs values in \[0, inf\]"):
        SSVAEClassifier(likelihood="poisson").fit(-COUNTS, LABELS)
