"""Draws of nets whose posterior is known otherwise; calibration; what a run reports."""

import numpy as np
import pytest
from scipy import stats
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, InverseCDF, Observed
from ssvae.bayes_nets.sampling import sample


@pytest.mark.parametrize("form", ["original", "auxiliary"])
def test_a_linear_chain_against_its_smoother(form, linear_chain, smoother):
    x = np.array([0.5, 1.5, -0.5, 2.0], np.float32)
    mean, covariance = smoother(x)
    found = sample(linear_chain, {"x": x[np.newaxis]}, form=form, chains=8, draws=800, warm_up=300)
    z, size = found.values["z"][:, :, 0, :, 0], found.least_ess()
    assert (np.abs(z.mean(axis=(0, 1)) - mean) < 4 * np.sqrt(np.diag(covariance) / size)).all()
    np.testing.assert_allclose(np.cov(z.reshape(-1, len(x)).T), covariance, atol=6 * covariance.max() / np.sqrt(size))


def test_ranks_of_the_truth_are_uniform():
    """Simulation-based calibration (Talts et al., 2018): 200 data sets are 200 rows of one run."""
    net = BayesNet(
        rate=InverseCDF(1, lambda: tfd.Exponential(1.0)),
        z=Gaussian(1, lambda rate: rate, 0.5),
        x=Observed(lambda z: tfd.Normal(z, 1.0)),
    )
    truth = net.sample((200,), 5)
    found = sample(net, {"x": truth["x"]}, chains=2, draws=1000, warm_up=400, seed=2)
    for name in ("rate", "z"):
        thinned = found.values[name][::20].reshape(-1, 200)  # about independent: 100 draws a row
        ranks = (thinned < truth[name].numpy()[:, 0]).sum(axis=0)
        assert stats.kstest((ranks + 0.5) / (len(thinned) + 1), "uniform").pvalue > 1e-3


def test_a_start_from_the_posterior_stays_there():
    """Steps that are frozen leave the posterior as it is: its own draws, moved by ten transitions, are draws of it."""
    net = BayesNet(z=Gaussian(1))
    moved = sample(net, {}, chains=4000, draws=10, warm_up=0, sampler={"name": "hmc", "step_size": 0.7})
    assert stats.kstest(moved.values["z"][-1, :, 0, 0], "norm").pvalue > 1e-3


def test_what_a_run_tells():
    net = BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Normal(z, 1.0)))
    reported = []
    found = sample(net, {"x": np.zeros([3, 2])}, draws=150, warm_up=50, progress=lambda *now: reported.append(now))
    assert reported == [(done, 200) for done in (10, 25, 50, 150, 200)]  # the metric is learnt after 10 and 25 steps
    assert found.values["z"].shape == (150, 4, 3, 2)
    assert found.accepted.shape == found.divergent.shape == (150, 4, 3)
    assert found.form == {"z": "auxiliary"}
    assert 150 <= found.gradients <= 150 * 6
    report = found.report()
    assert report["ess_per_gradient"] == pytest.approx(report["ess_bulk"] / (4 * found.gradients))
    assert 0.5 < report["accepted"] <= 1.0


@pytest.mark.filterwarnings("ignore:.*ArviZ is undergoing:FutureWarning")
def test_export_to_arviz():
    pytest.importorskip("arviz", reason="the extra arviz is not installed")
    found = sample(BayesNet(z=Gaussian(2)), {}, draws=20, warm_up=10, engine="graph").to_arviz()
    assert found["posterior"]["z"].shape == (4, 20, 1, 2)
    assert found["sample_stats"]["diverging"].shape == (4, 20, 1)
