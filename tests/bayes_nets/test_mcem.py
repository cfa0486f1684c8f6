"""Monte Carlo EM against a model whose likelihood has a maximum in closed form; resume; errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, Observed
from ssvae.bayes_nets.mcem import MonteCarloEM

D, Z, N = 5, 2, 400
TRUE = np.random.default_rng(7).normal(size=(Z, D))
X = (np.random.default_rng(8).normal(size=(N, Z)) @ TRUE + 0.5 * np.random.default_rng(9).normal(size=(N, D))).astype(
    "f4"
)


def learner(form="auxiliary", **settings):
    """Return probabilistic PCA (Tipping and Bishop, 1999), to be learnt, and its variables."""
    loading = keras.Variable(np.random.default_rng(1).normal(0, 0.3, (Z, D)).astype("f4"))
    log_scale = keras.Variable(np.float32(0.0))
    net = BayesNet(
        z=Gaussian(Z),
        x=Observed(lambda z: tfd.Normal(tf.linalg.matmul(z, loading.value), tf.exp(log_scale.value))),
    )
    return MonteCarloEM(net, [loading, log_scale], {"x": X}, form=form, **settings), (loading, log_scale)


def log_likelihood(loading, variance):
    return stats.multivariate_normal(np.zeros(D), loading.T @ loading + variance * np.eye(D)).logpdf(X).mean()


def best():
    """Return the mean log-likelihood at its maximum."""
    values, vectors = np.linalg.eigh(X.T @ X / N)
    variance = values[: D - Z].mean()
    loading = (vectors[:, D - Z :] * np.sqrt(values[D - Z :] - variance)).T
    return log_likelihood(loading, variance)


@pytest.mark.parametrize(("form", "proposals"), [("auxiliary", 0), ("original", 16)])
def test_it_finds_the_maximum_of_the_likelihood(form, proposals):
    optimizer = keras.optimizers.Adam(0.01)
    method, (loading, log_scale) = learner(form, batch_size=N, proposals=proposals, optimizer=optimizer)
    reported = method.run(400)
    found = log_likelihood(loading.numpy(), np.exp(2 * float(log_scale.numpy())))
    assert best() - 0.05 < found < best() + 1e-3
    assert reported.shape == (400, 2)
    assert 0.8 < reported[200:, 1].mean() < 0.97


def test_interrupted_and_gone_on_with_it_ends_where_it_would_have(tmp_path):
    whole, (expected, _) = learner(updates=2)
    whole.run(12)
    assert len(whole.run(12)) == 0
    first, _ = learner(updates=2)
    first.run(7, folder=tmp_path)
    second, (loading, _) = learner(updates=2)
    assert len(second.run(12, folder=tmp_path)) == 5
    np.testing.assert_array_equal(loading.numpy(), expected.numpy())
    np.testing.assert_array_equal(second.chains.numpy(), whole.chains.numpy())


def test_a_state_of_other_settings_or_a_damaged_one_is_refused(tmp_path):
    learner(updates=1)[0].run(1, folder=tmp_path)
    with pytest.raises(ValueError, match="other settings or data"):
        learner(updates=2)[0].run(2, folder=tmp_path)
    with pytest.raises(ValueError, match="other settings or data"):  # another learning rate
        learner(updates=1, optimizer=keras.optimizers.Adagrad(0.2))[0].run(2, folder=tmp_path)
    (tmp_path / "state.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="cannot be read"):
        learner(updates=1)[0].run(2, folder=tmp_path)


def test_the_prior_is_on_matrices_alone_and_keeps_them_small():
    method, (loading, log_scale) = learner(weight_prior=1e5, batch_size=N, optimizer=keras.optimizers.Adam(0.02))
    log_scale.assign(3.0)
    assert method.precisions == [1e5 / N, 0.0]
    method.run(200)
    assert np.abs(loading.numpy()).max() < 0.02
    assert np.exp(2 * float(log_scale.numpy())) == pytest.approx(np.square(X).mean(), rel=0.05)


@pytest.mark.parametrize("settings", [{"moves": 0}, {"updates": 1.5}, {"leapfrog": 0}, {"batch_size": -1}], ids=str)
def test_numbers_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be an integer >= 1"):
        learner(**settings)


@pytest.mark.parametrize("settings", [{"proposals": -1}, {"proposals": 0.5}, {"weight_prior": -1.0}], ids=str)
def test_settings_that_may_be_zero_are_not_negative(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be .*>= 0"):
        learner(**settings)


def test_nothing_to_learn_is_refused():
    net = BayesNet(z=Gaussian(1), x=Observed(lambda z: tfd.Normal(z, 1.0)))
    with pytest.raises(ValueError, match="nothing to learn"):
        MonteCarloEM(net, [], {"x": [[0.0]]})
