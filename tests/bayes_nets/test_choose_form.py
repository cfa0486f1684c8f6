"""The form that is chosen is the one that mixes faster, latent by latent."""

import numpy as np
import pytest
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, Observed, Recurrent, sampling
from ssvae.bayes_nets.choose_form import choose_form
from ssvae.bayes_nets.sampling import sample


def quick(net, data):
    """Return short runs in a form."""
    return lambda form: sample(net, data, form=form, chains=8, draws=150, warm_up=200)


def level(noise):
    """Return a mean whose spread is unknown, for 8 groups; `noise` of the data says how informative they are."""
    return BayesNet(
        a=Gaussian(1, 0.0, 3.0),
        b=Gaussian(8, lambda a: a, 0.1),
        x=Observed(lambda b: tfd.Normal(b, noise)),
    )


@pytest.mark.parametrize(("noise", "best"), [(10.0, "auxiliary"), (0.01, "original")])
def test_weak_data_want_the_auxiliary_form_and_strong_data_the_original(monkeypatch, noise, best):
    """The automatic form of a run, which is that of the better of short runs on these data."""
    monkeypatch.setattr(sampling, "PILOT", sampling.Pilot(chains=8, draws=150, warm_up=200))
    net = level(noise)
    found = sample(net, {"x": net.sample((1,), 3)["x"]}, form="auto", draws=5, warm_up=5)
    assert found.form["b"] == best


def test_latents_may_differ():
    """Random walks side by side, one with weak and one with strong data, each of which spoils a run in one form.

    The strong data make the auxiliary form so costly that the other latent looks better in the original one, too. The
    better form of each is that whose posterior precision, in closed form, has the smaller condition number.
    """
    steps, noise = {"loose": 6, "tight": 24}, {"loose": 5.0, "tight": 0.001}
    net = BayesNet(
        loose=Recurrent(steps["loose"], 1, lambda before: before),
        tight=Recurrent(steps["tight"], 1, lambda before: before),
        x=Observed(lambda loose: tfd.Normal(loose, noise["loose"])),
        y=Observed(lambda tight: tfd.Normal(tight, noise["tight"])),
    )
    seen = net.sample((1,), 0)
    found = choose_form(quick(net, {"x": seen["x"], "y": seen["y"]}), net)
    for name, count in steps.items():
        sums = np.tri(count)  # z of ε
        differences, precision = np.linalg.inv(sums), noise[name] ** -2.0
        condition = {
            "original": np.linalg.cond(differences.T @ differences + precision * np.eye(count)),
            "auxiliary": np.linalg.cond(np.eye(count) + precision * sums.T @ sums),
        }
        assert found[name] == min(condition, key=condition.get)
