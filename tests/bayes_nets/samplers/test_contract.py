"""What every sampler of the table keeps to: the posterior of a net, in either form, for every row of data."""

import numpy as np
import pytest
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets import BayesNet, Gaussian, Observed
from ssvae.bayes_nets.chains import Chains, groups
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers import SAMPLERS
from ssvae.bayes_nets.sampling import sample

SEEN = 0.5
NET = BayesNet(
    a=Gaussian(2, 1.0, 2.0), b=Gaussian(2, lambda a: 0.5 * a, 0.3), x=Observed(lambda b: tfd.Normal(b, SEEN))
)
X = np.array([[0.0, 1.0], [3.0, -2.0]], np.float32)


def truth(x):
    """Return mean and covariance of p(a_i, b_i | x_i), a conjugate normal."""
    prior = np.array([[4.0, 2.0], [2.0, 1.0 + 0.09]])
    gain = prior[:, 1:] / (prior[1, 1] + SEEN**2)
    mean = np.array([1.0, 0.5]) + (gain * (x - 0.5))[:, 0]
    return mean, prior - gain @ prior[1:]


MIXED = {"a": "original", "b": "auxiliary"}
# A sampler sees one density of numbers, whose form it does not know: every sampler has both forms in one net.
WAYS = [(name, MIXED) for name in SAMPLERS.names()] + [("hmc", form) for form in ("original", "auxiliary")]


@pytest.mark.parametrize(("name", "form"), WAYS, ids=str)
def test_moments_are_those_of_the_posterior(name, form):
    found = sample(NET, {"x": X}, sampler=name, form=form, chains=8, draws=500, warm_up=300, seed=1)
    assert found.report()["r_hat"] < 1.05
    assert not found.divergent.any()
    for row in range(2):
        for i in range(2):
            mean, covariance = truth(X[row, i])
            pair = np.stack([found.values[node][:, :, row, i] for node in ("a", "b")], axis=-1)
            size = min(found.ess()[node][row, i] for node in ("a", "b"))
            error = np.sqrt(np.diag(covariance) / size)
            assert (np.abs(pair.mean(axis=(0, 1)) - mean) < 4.5 * error).all()
            np.testing.assert_allclose(np.cov(pair.reshape(-1, 2).T), covariance, rtol=8 / np.sqrt(size), atol=0.03)


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_the_same_seed_gives_the_same_draws(name):
    few = {"sampler": name, "draws": 3, "warm_up": 3, "engine": "graph"}
    one, two, other = (sample(NET, {"x": X}, **few, seed=seed).values["a"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("slot", "message"),
    [
        ("hcm", "unknown sampler 'hcm'.*did you mean 'hmc'"),
        ({"name": "hmc", "leapfrog": 0}, "leapfrog of HMC must be an integer >= 1"),
        ({"name": "hmc", "trajectory": 0.0}, r"trajectory > 0 and jitter in \[0, 1\), got 0.0"),
        ({"name": "hmc", "jitter": 1.0}, r"trajectory > 0 and jitter in \[0, 1\), got 2.0 and 1.0"),
        ({"name": "nuts", "doublings": 0}, "doublings of NUTS must be an integer >= 1"),
        ({"name": "chees", "accept": 1.0}, "accept of ChEES must be between 0 and 1"),
        ({"name": "hmc", "step_size": 0.0}, "step_size of HMC must be > 0"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(slot, message):
    with pytest.raises(ValueError, match=message):
        sample(NET, {"x": X}, sampler=slot)


@pytest.mark.parametrize("number", [{"chains": 0}, {"draws": 0}, {"warm_up": -1}, {"chains": 1.5}], ids=str)
def test_numbers_out_of_range_are_refused(number):
    with pytest.raises(ValueError, match=f"{next(iter(number))} must be an integer"):
        sample(NET, {"x": X}, **number)


def test_engines_are_two():
    with pytest.raises(ValueError, match="engine must be one of"):
        sample(NET, {"x": X}, engine="eager")


def test_groups_of_chains_draw_from_the_same_posterior_and_differ():
    found = sample(NET, {"x": X}, chains=128, draws=100, warm_up=200)
    b = found.values["b"]
    assert found.accepted.shape == (100, 128, 2)
    assert len(np.unique(b[-1, :, 0, 0])) == 128  # no two groups see the same random numbers
    for group in np.split(b, groups(128), axis=1):
        mean, covariance = truth(X[1, 0])
        assert abs(group[..., 1, 0].mean() - mean[1]) < 5 * np.sqrt(covariance[1, 1] / 1000)


@pytest.mark.parametrize(("chains", "number"), [(1, 1), (32, 1), (63, 1), (64, 2), (66, 2), (97, 1), (128, 4)])
def test_groups_are_of_equal_size_and_depend_on_chains_alone(chains, number):
    assert groups(chains) == number


def test_trajectories_have_the_length_that_is_given():
    """Leapfrog steps times their size is the trajectory, within its jitter and the rounding to whole steps."""
    net = BayesNet(z=Gaussian(50))
    for trajectory in (1.0, 4.0):
        how = {"name": "hmc", "trajectory": trajectory, "jitter": 0.0}
        with Chains(PosteriorDensity(net, {}), SAMPLERS.build(how), net.sample((4, 1), 0)["z"], 100, 0) as chain:
            for _ in chain.warm():
                pass
            leapfrogs = np.concatenate([trace.gradients for _, trace in chain.walk(20)])
        size = float(chain.parts[0][1].new_step_size[0, 0])
        assert np.ptp(leapfrogs) == 0
        assert abs(leapfrogs[0] * size - trajectory) <= 0.5 * size + 1e-4
