"""Sigmoid belief networks: estimators of the table against the sum over all states of a net of two levels."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.distributions import given
from ssvae.evaluation import log_likelihood
from ssvae.gradients import GRADIENTS
from ssvae.gradients.sleep_phase import sleep_phase
from ssvae.inference import INFERENCES
from ssvae.inference.base import BoundArguments
from ssvae.inference.evidence import Evidence, elbo
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.multinomial import Multinomial
from ssvae.models.conditional_sbn import ConditionalSBN
from ssvae.models.sbn import SBN
from ssvae.readers.open import open_rows

D, Z = 6, (3, 2)
X = np.array([[1, 0, 1, 1, 0, 0]], np.float32)
ROWS, PARTS = 1000, 20  # independent estimates a part; the standard error is that of the parts' means
NETS = {
    "factorial": {},
    "autoregressive": {"autoregressive": ["latent", "visible", "posterior"]},
    "deterministic": {"upwards": "deterministic", "hidden": [4]},
}
UNBIASED = [
    "score_function",
    "nvil",
    {"name": "nvil", "samples": 2, "local_signals": False, "input_baseline": False},
    {"name": "nvil", "running_mean": False, "normalization": False},
    {"name": "local_expectation", "samples": 2},
    {"name": "double_control", "samples": 3},
]


def net(**settings) -> SBN:
    """Return a net whose weights, and baselines, are random; what normalises signals is 1."""
    model = SBN(D, Bernoulli(), latent=Z, baseline={"hidden": [5], "momentum": 0.8}, **settings)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.7, weight.shape))
    for baseline in model.baselines.values():
        baseline.mean.assign([-2.0])
        baseline.variance.assign([1.0])
        baseline.steps.assign([1.0])
    return model


def learnt(model) -> list:
    """Return the weights of p and q, without those of the baselines."""
    baselines = {id(weight) for baseline in model.baselines.values() for weight in baseline.weights}
    return [weight.value for weight in model.trainable_weights if id(weight) not in baselines]


def read(model, gradient, rows, seed=0) -> tuple[float, np.ndarray]:
    """Return the mean bound of `rows` copies of the row, and its gradient by all weights of p and q."""
    weights, x = learnt(model), tf.constant(np.repeat(X, rows, axis=0))

    @tf.function(autograph=False)
    def estimate(seed):
        with tf.GradientTape() as tape:
            bound = tf.reduce_mean(elbo(BoundArguments(model, x, None, gradient, seed, True), model.encode(x)))
        return bound, tape.gradient(bound, weights, unconnected_gradients="zero")

    bounds, gradients = [], []
    for part in range(PARTS if rows > 1 else 1):
        bound, found = estimate(random.seed_tensor(part))
        bounds.append(float(bound))
        gradients.append(np.concatenate([np.ravel(each) for each in found]))
    return np.array(bounds), np.array(gradients)


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("slot", UNBIASED, ids=str)
def test_unbiased_estimators_give_the_enumerated_bound_and_gradient(slot, kind):
    if kind == "autoregressive" and "local_expectation" in str(slot):
        with pytest.raises(ValueError, match="independent binary latents"):
            read(net(**NETS[kind]), GRADIENTS.build(slot), 2)
        return
    model = net(**NETS[kind])
    (bound,), (truth,) = read(model, GRADIENTS.build("enumeration"), 1)
    bounds, gradients = read(model, GRADIENTS.build(slot), ROWS)
    assert abs(bounds.mean() - bound) < 4 * bounds.std(ddof=1) / np.sqrt(PARTS) + 1e-5
    error = gradients.std(axis=0, ddof=1) / np.sqrt(PARTS)
    # With 20 parts the error is itself uncertain: 1 % of the numbers may be further off than 4 of Student's quantiles.
    off = np.abs(gradients.mean(axis=0) - truth) > 4 * error + 1e-5
    assert off.mean() <= 0.01


def states() -> dict[str, tf.Tensor]:
    """Return every joint state of both levels, [S, 1, Z] each."""
    every = np.array(list(itertools.product([0.0, 1.0], repeat=sum(Z))), np.float32)[:, np.newaxis]
    return {"z1": tf.constant(every[..., : Z[0]]), "z2": tf.constant(every[..., Z[0] :])}


def log_joint(model, x, y=None) -> np.ndarray:
    """Return log p(x, z | y) of every state, [S, ...]."""
    values = states()
    return sum(
        given(conditional, values).log_prob(x if name == "x" else values[name])
        for name, conditional in model.joint(y).items()
    )


def test_local_signals_have_less_variance():
    model = net()
    gradients = [
        read(model, GRADIENTS.build({"name": "nvil", "local_signals": local, "input_baseline": False}), ROWS)[1]
        for local in (True, False)
    ]
    local, whole = (found.var(axis=0, ddof=1).sum() for found in gradients)
    assert local < 0.9 * whole


@pytest.mark.parametrize("kind", NETS)
def test_the_joint_is_a_distribution(kind):
    rows = np.array(list(itertools.product([0.0, 1.0], repeat=D)), np.float32)
    total = tf.reduce_logsumexp(log_joint(net(**NETS[kind]), rows))
    assert float(total) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("kind", NETS)
def test_importance_sampling_gives_the_enumerated_log_p(kind):
    model = net(**NETS[kind])
    found = log_likelihood.estimate(model, X, 20_000, INFERENCES.build("amortized"), seed=1)
    truth = tf.reduce_logsumexp(log_joint(model, X), axis=0)
    assert found.log_p[0] == pytest.approx(float(truth[0]), abs=4 / np.sqrt(found.effective[0]))


@pytest.mark.parametrize("kind", NETS)
def test_dreams_teach_q_the_posterior_of_what_the_model_makes(kind):
    """E_p(x, z)[∇log q(z | x)], by dreams and by all rows and states."""
    model, values = net(**NETS[kind]), states()
    weights = [weight.value for encoder in model.encoders for weight in encoder.trainable_weights]
    rows = np.array(list(itertools.product([0.0, 1.0], repeat=D)), np.float32)
    with tf.GradientTape() as tape:
        q = model.posterior(model.encode(rows))
        log_q = sum(given(conditional, values).log_prob(values[name]) for name, conditional in q.items())
        total = tf.reduce_sum(tf.exp(log_joint(model, rows)) * log_q)
    truth = np.concatenate([np.ravel(each) for each in tape.gradient(total, weights)])
    f = Evidence(model.joint(), q, tf.zeros([ROWS, D]))

    @tf.function(autograph=False)
    def learnt_from(seed):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(sleep_phase(f, model, None, seed))
        return value, tape.gradient(value, weights)

    parts = [learnt_from(random.seed_tensor(part)) for part in range(PARTS)]
    assert all(float(value) == 0.0 for value, _ in parts)
    found = np.array([np.concatenate([np.ravel(each) for each in gradient]) for _, gradient in parts])
    error = found.std(axis=0, ddof=1) / np.sqrt(PARTS)
    assert (np.abs(found.mean(axis=0) - truth) > 4 * error + 1e-5).mean() <= 0.01


def test_a_class_makes_rows_of_its_own():
    model = ConditionalSBN(D, 3, Bernoulli(), latent=Z)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.7, weight.shape))
    every = tf.eye(3)[:, tf.newaxis]
    by_class = [tf.reduce_logsumexp(log_joint(model, X, every[k]), axis=0) for k in range(3)]
    assert len({round(float(each[0]), 3) for each in by_class}) == 3
    bounds = elbo(
        BoundArguments(model, X, every, GRADIENTS.build("enumeration"), random.seed_tensor(0)), model.encode(X, every)
    )
    assert (np.array(bounds)[:, 0] < np.array(by_class)[:, 0]).all()


def test_belief_networks_classify():
    rng = np.random.default_rng(0)
    labels = np.arange(150) % 3
    likely = 0.1 + 0.75 * np.repeat(np.eye(3), 4, axis=1)[labels]  # four pixels are each class's own
    x = (rng.uniform(size=(150, 12)) < likely).astype(np.float32)
    y = np.where(np.arange(150) < 30, labels, -1)
    model = {"name": "conditional_sbn", "latent": [6, 4], "classifier_hidden": [16]}
    # Whether a gradient estimator learns has nothing to do with the regularizers: one fit has those of the default.
    for gradient, terms in (("nvil", {}), ({"name": "rws", "samples": 4}, {"regularizers": []})):
        own = SSVAEClassifier(model, gradient=gradient, epochs=30, batch_size=30, random_state=0, **terms)
        fitted = own.fit(x, y)
        assert fitted.score(x[30:], labels[30:]) > 0.8
        assert fitted.history_["unlabelled_bound"][-1] > fitted.history_["unlabelled_bound"][0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"autoregressive": "latent"}, r"must be a list of some of \['latent', 'visible', 'posterior'\]"),
        ({"autoregressive": ["prior"]}, "must be a list of some of"),
        ({"upwards": "both"}, r"upwards must be one of \['sampled', 'deterministic'\], got 'both'"),
        ({"latent": []}, "widths of one level or more"),
        ({"latent": [4, 0]}, "all >= 1"),
        ({"likelihood": Multinomial(), "autoregressive": ["visible"]}, "'visible' needs likelihood 'bernoulli'"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(settings, message):
    arguments = {"latent": Z, "likelihood": Bernoulli(), **settings}
    with pytest.raises(ValueError, match=message):
        SBN(D, **arguments)


def test_inputs_are_centred_by_rows_on_disk_as_by_rows_in_memory(tmp_path):
    x = np.random.default_rng(0).uniform(size=(50, D)).astype(np.float32)
    np.save(tmp_path / "rows.npy", x)
    in_memory, on_disk = SBN(D, Bernoulli(), latent=Z), SBN(D, Bernoulli(), latent=Z)
    for model, rows in ((in_memory, x), (on_disk, open_rows(tmp_path / "rows.npy"))):
        next(model.stages(rows, None))
        np.testing.assert_allclose(model.center.read(), x.mean(axis=0), rtol=1e-6)
