"""The cost model of `benchmarks/devices.py`: against sums by hand, closed forms and made data."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def cost(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("step_cost")


@pytest.fixture
def device(cost):
    return cost.Device(fixed=1e-3, multiply_add=1e-11, parameter=1e-9, replica=2e-3, bandwidth=1e9, hop=1e-4)


def test_a_ring_sends_each_part_round_twice(cost):
    # 12 bytes on 3 devices: 2 x 2 hops of 4 bytes, at 2 bytes a second and 5 seconds each.
    assert cost.ring(12.0, 3, 2.0, 5.0) == 4 * (4 / 2 + 5)
    assert cost.ring(12.0, 1, 2.0, 5.0) == 0


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_fit_finds_the_coefficients_of_made_data(cost, noise):
    rng, truth = np.random.default_rng(0), np.array([3e-3, 5e-11, 2e-9])
    columns = np.stack([np.ones(200), rng.uniform(1e7, 1e9, 200), rng.uniform(1e5, 2e6, 200)], 1)
    measured = columns @ truth * (1 + noise * rng.normal(size=200))
    found, errors = cost.fit(columns, measured)
    np.testing.assert_allclose(found, truth, rtol=1e-9 if noise == 0 else 0.1)
    assert (np.abs(found - truth) <= 4 * errors + 1e-9 * truth).all()


def test_standard_errors_are_those_of_a_line(cost):
    x, y = np.array([1.0, 2, 3, 4, 7]), np.array([2.0, 3, 5, 4, 9])
    found, errors = cost.fit(np.stack([np.ones(5), x], 1), y, np.ones(5))
    line = stats.linregress(x, y)
    np.testing.assert_allclose(found, [line.intercept, line.slope])
    np.testing.assert_allclose(errors, [line.intercept_stderr, line.stderr])


@pytest.mark.parametrize("count", [1, 2, 8, 100])
def test_the_slowest_of_exponential_times_is_a_harmonic_number(cost, count):
    assert cost.expected_maximum(stats.expon(), count) == pytest.approx(np.sum(1 / np.arange(1, count + 1)), rel=1e-6)


def test_the_slowest_of_two_lognormal_times_has_a_closed_form(cost):
    # Of two draws of mean 1, E[max] = 2 Φ(σ / √2).
    assert cost.lateness(0.3, 2) == pytest.approx(2 * stats.norm.cdf(0.3 / np.sqrt(2)), rel=1e-6)
    assert cost.lateness(0.0, 100) == cost.lateness(0.3, 1) == 1


def test_even_hops_take_the_slowest_start_round_the_ring(cost):
    starts = np.random.default_rng(0).random((50, 5))
    hops = np.full((1, 8, 1), 0.25)
    np.testing.assert_allclose(cost.simulate(starts, hops), starts.max(axis=1) + 2)


def test_a_late_message_is_waited_for(cost):
    hops = np.zeros((1, 4, 3))
    hops[0, 1, 2] = 7.0
    np.testing.assert_allclose(cost.simulate(np.zeros((1, 3)), hops), 7)


def test_a_step_adds_up(cost, device):
    count, weights = 4, cost.parameters("m1")
    rows = 25 * (3 * (784 * 600 + 600 * 600 + 600 * 100 + 50 * 600 + 600 * 600 + 600 * 784) - 784 * 600)
    own = 1e-3 + 1e-11 * rows + 1e-9 * weights
    joined = 2e-3 + 6 * (weights / 1e9 + 1e-4)
    assert cost.seconds(device, "m1", 100, count) == pytest.approx(own + joined)


def test_the_turning_point_is_where_the_quickest_step_is(cost, device):
    joins = device._replace(replica=0.0)
    batch = 5040  # every number of devices up to ten has whole rows
    assert cost.best(joins, "m2", batch, 100) == pytest.approx(cost.turning_point(joins, "m2", batch), rel=0.1)
    assert cost.turning_point(joins._replace(bandwidth=1e3), "m2", batch) == 0


def test_parameters_are_those_of_the_networks(cost):
    encoder, decoder = 784 * 600 + 600 * 600 + 600 * 100, 50 * 600 + 600 * 600 + 600 * 784
    assert cost.parameters("m1") == encoder + decoder + (600 + 600 + 100) + (600 + 600 + 784)
