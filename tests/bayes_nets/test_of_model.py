"""A net made of a model has the model's densities, and those of the model's prior."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.bayes_nets.of_model import of_model
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.distributions import given
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models import MODELS

MODELS_OF = [
    {"name": "m1", "latent": 2, "hidden": [5]},
    {"name": "hierarchical", "latent": [2, 3], "hidden": [5, 4], "generator_sees": "all"},
]


@pytest.mark.parametrize("settings", MODELS_OF, ids=lambda s: s["name"])
def test_densities_are_those_of_the_model(settings):
    model = MODELS.build(settings, features=6, likelihood=Bernoulli(), seed=1)
    net = of_model(model)
    x = np.random.default_rng(0).integers(0, 2, (4, 6)).astype("f4")
    z = {name: value for name, value in net.sample((4,), 3).items() if name != "x"}
    assert set(z) == set(model.joint()) - {"x"}
    expected = given(model.joint()["x"], z).log_prob(x)
    for name in z:
        expected += given(model.joint()[name], z).log_prob(z[name])
    target = PosteriorDensity(net, {"x": x}, "original")
    np.testing.assert_allclose(target.log_prob(target.state(z)), expected, rtol=1e-5)


def test_the_net_follows_the_weights_of_the_model():
    model = MODELS.build(MODELS_OF[0], features=6, likelihood=Bernoulli(), seed=1)
    target = PosteriorDensity(of_model(model), {"x": np.ones((1, 6))})
    before = float(target.log_prob(tf.ones([1, 2]))[0])
    model.decoder.set_weights([0.0 * weight for weight in model.decoder.get_weights()])
    after = float(target.log_prob(tf.ones([1, 2]))[0])
    assert after == pytest.approx(-1.0 - np.log(2 * np.pi) + 6 * np.log(0.5), rel=1e-5)
    assert after != pytest.approx(before)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"name": "m2", "latent": 2, "hidden": [3], "classes": 2}, "a net has no classes, and M2 has"),
        ({"name": "sbn", "latent": [3]}, "needs Gaussian latents, and 'z"),
    ],
)
def test_models_that_are_no_such_net_are_refused(settings, reason):
    model = MODELS.build(settings, features=6, likelihood=Bernoulli(), seed=1)
    with pytest.raises(ValueError, match=reason):
        of_model(model)
