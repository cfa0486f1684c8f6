"""Diagnostics against processes whose autocorrelation is known, and against ArviZ."""

import numpy as np
import pytest

from ssvae.bayes_nets import diagnostics

CHAINS, DRAWS = 4, 2000


def process(rho, rng, chains=CHAINS):
    """Return a stationary first-order autoregression, [DRAWS, chains]."""
    x = np.empty([DRAWS, chains])
    x[0] = rng.normal(size=chains)
    for t in range(1, DRAWS):
        x[t] = rho * x[t - 1] + np.sqrt(1 - rho**2) * rng.normal(size=chains)
    return x


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.9])
def test_ess_of_an_autoregression(rho):
    found = diagnostics.ess(process(rho, np.random.default_rng(0), 32))
    assert found == pytest.approx(DRAWS * 32 * (1 - rho) / (1 + rho), rel=0.1)


@pytest.mark.filterwarnings("ignore:.*ArviZ is undergoing:FutureWarning")
@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_as_arviz_has_it(rho):
    arviz = pytest.importorskip("arviz", reason="the extra arviz is not installed")
    x = np.exp(process(rho, np.random.default_rng(1)))
    posterior = {"posterior": {"x": x.T}}
    posterior = arviz.from_dict(**posterior) if arviz.__version__.startswith("0.") else arviz.from_dict(posterior)
    for ours, method in ((diagnostics.bulk_ess, "bulk"), (diagnostics.tail_ess, "tail")):
        assert float(ours(x)) == pytest.approx(float(arviz.ess(posterior, method=method)["x"]), rel=0.02)
    assert float(diagnostics.r_hat(x)) == pytest.approx(float(arviz.rhat(posterior, method="rank")["x"]), abs=1e-3)


def test_r_hat_sees_chains_apart_and_chains_of_other_width():
    x = process(0.2, np.random.default_rng(2))
    assert diagnostics.r_hat(x) < 1.01
    assert diagnostics.r_hat(x + np.arange(CHAINS)) > 1.5
    assert diagnostics.r_hat(x * np.array([1.0, 1.0, 1.0, 4.0])) > 1.1


def test_every_number_has_its_own():
    rng = np.random.default_rng(3)
    x = np.stack([process(0.0, rng), process(0.9, rng)], axis=-1)[:, :, np.newaxis]
    assert diagnostics.bulk_ess(x).shape == diagnostics.r_hat(x).shape == diagnostics.tail_ess(x).shape == (1, 2)
    assert diagnostics.bulk_ess(x)[0, 0] > 8 * diagnostics.bulk_ess(x)[0, 1]


def test_autocorrelation_of_an_autoregression():
    found = diagnostics.autocorrelation(process(0.8, np.random.default_rng(4), 64), lags=5)
    np.testing.assert_allclose(found, 0.8 ** np.arange(6), atol=0.02)


def test_what_does_not_move_has_no_sample_size():
    assert np.isnan(diagnostics.ess(np.ones([100, 2])))


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="diagnostics need draws"):
        diagnostics.ess(np.ones([3, 2]))
