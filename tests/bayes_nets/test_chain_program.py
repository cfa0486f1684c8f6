"""Compiled chains that are kept: used again where the density computes the same, and never for another one."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend.compile_cache import Pool
from ssvae.bayes_nets import BayesNet, Gaussian, Observed, chain_program
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers.hmc import HMC
from ssvae.bayes_nets.sampling import sample

SHORT = {"chains": 2, "draws": 8, "warm_up": 30, "engine": "graph"}
ONE, TWO = np.full([1, 2], 1.0, np.float32), np.full([1, 2], 2.0, np.float32)


@pytest.fixture
def built(monkeypatch):
    """Empty the pool, and return a list that gets every program that is compiled."""
    made, own = [], chain_program.ChainProgram
    monkeypatch.setattr(chain_program, "POOL", Pool())
    monkeypatch.setattr(chain_program, "ChainProgram", lambda *arguments: made.append(own(*arguments)) or made[-1])
    return made


def net(slope=1.0):
    return BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Normal(slope * z, 0.5)))


def drawn(of, x=ONE, **settings):
    return sample(of, {"x": x}, **{**SHORT, **settings}).values["z"]


def test_a_second_run_compiles_nothing_and_begins_as_the_first(built, monkeypatch):
    own = net()
    first, other = drawn(own), drawn(own, TWO)
    np.testing.assert_array_equal(drawn(own), first)
    np.testing.assert_array_equal(drawn(net()), first)  # an equal net, made again
    assert len(built) == 1
    monkeypatch.setattr(chain_program, "POOL", Pool())
    np.testing.assert_array_equal(drawn(own, TWO), other)
    assert len(built) == 2


def test_other_settings_are_other_programs(built):
    usual = {"sampler": HMC(), "chains": 2, "warm_up": 30, "engine": "graph", "metric": "unit"}
    others = ({"sampler": HMC(accept=0.7)}, {"chains": 3}, {"warm_up": 40}, {"engine": "xla"}, {"metric": "dense"})
    for form, other in (*(("auxiliary", other) for other in ({}, *others)), ("original", {})):
        for _ in range(2):
            with chain_program.lent(PosteriorDensity(net(), {"x": ONE}, form), **{**usual, **other}):
                pass
    assert len(built) == 7


def test_a_constant_that_has_changed_since_is_seen(built):
    """A net's functions may read anything: the second run must not sample the posterior of the first."""
    slope = {"now": 1.0}
    own = BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Normal(slope["now"] * z, 0.5)))
    first = drawn(own)
    slope["now"] = -3.0
    np.testing.assert_array_equal(drawn(own), drawn(net(-3.0)))
    assert len(built) == 2
    assert np.abs(drawn(own) - first).max() > 0.1


def test_variables_are_read_when_chains_run(built):
    slope = tf.Variable(1.0)
    own = net(slope)
    first = drawn(own)
    slope.assign(-3.0)
    second = drawn(own)
    assert len(built) == 1
    np.testing.assert_allclose(second, drawn(net(-3.0)), atol=1e-4)
    assert np.abs(second - first).max() > 0.1
