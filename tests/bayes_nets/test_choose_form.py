"""The form that is chosen is the one that mixes faster, latent by latent."""

import pytest
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, Observed, sampling
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
    """Two hierarchies side by side, one with weak and one with strong data: each wants its own form."""
    net = BayesNet(
        weak=Gaussian(1),
        deep=Gaussian(4, lambda weak: weak, 0.1),
        top=Gaussian(1, 0.0, 3.0),
        strong=Gaussian(8, lambda top: top, 0.1),
        x=Observed(lambda deep: tfd.Normal(deep, 5.0)),
        y=Observed(lambda strong: tfd.Normal(strong, 0.003)),
    )
    seen = net.sample((1,), 0)
    found = choose_form(quick(net, {"x": seen["x"], "y": seen["y"]}), net)
    assert set(found) == {"weak", "deep", "top", "strong"}
    assert (found["deep"], found["strong"]) == ("auxiliary", "original")
