"""Ways up the bound of the same rows, and their pictures."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from ssvae import SSVAEClassifier
from ssvae.evaluation import refinement_paths
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m1 import M1
from ssvae.plots import refinement_figures

RNG = np.random.default_rng(0)
D = 3


@pytest.fixture(scope="module")
def linear():
    """p(x | z) = N(W z, s² I) with 2 latents: log p and the best q have a closed form."""
    model = M1(D, Gaussian(floor=-2.0), latent=2, hidden=[], seed=0)
    weights = np.array(model.decoder.first[0])
    weights[:, D:] = 0.0
    model.decoder.first[0].assign(weights)
    model.decoder.biases[0].assign(np.r_[np.zeros(D), np.full(D, -50.0)].astype(np.float32))  # log s² = floor
    return model


def best(model):
    """Mean of the exact posterior, and variance of the best diagonal Gaussian, by row."""
    loading = np.array(model.decoder.first[0])[:, :D]
    precision = np.eye(2) + loading @ loading.T / np.exp(-2.0)
    gain = np.linalg.solve(precision, loading / np.exp(-2.0))
    return lambda x: (x @ gain.T, 1.0 / np.diag(precision))


@pytest.fixture(scope="module")
def rows():
    return refinement_paths.Rows(tf.constant(RNG.normal(size=(6, D)), tf.float32))


@pytest.mark.parametrize("name", refinement_paths.OPTIMIZERS)
def test_optimizers_climb_to_the_closed_form(linear, rows, name):
    kind, rates = refinement_paths.OPTIMIZERS[name]
    start = linear.prior_parameters(rows.x, None)
    rate = refinement_paths.tuned_rate(linear, rows, start, name, 15)
    assert rate in rates
    path = refinement_paths.optimizer_path(start, kind(rate), 60, refinement_paths.bound_gradient(linear, rows, start))
    assert len(path) == 61
    mean = best(linear)(rows.x.numpy())[0]
    first, last = (np.abs(at["z"].numpy()[:, :2] - mean).max() for at in (path[0], path[-1]))
    assert last < 0.35 * first
    bounds = refinement_paths.bounds(linear, rows, path)
    assert bounds.shape == (61, 6)
    assert (bounds[-1] > bounds[0]).all()


def test_a_refined_path_goes_on_to_the_closed_form(linear, rows):
    mean, variance = best(linear)(rows.x.numpy())
    start = {"z": tf.constant(np.c_[mean + 0.3, np.tile(np.log(variance), (6, 1))], tf.float32)}
    path = refinement_paths.refinement_path(linear, rows, start, GradientRefined(test_samples=50), 10)
    assert len(path) == 11
    errors = [np.abs(at["z"].numpy()[:, :2] - mean).max() for at in path]
    assert errors[-1] < 0.1 * errors[0]
    assert errors[5] < errors[1]


def test_the_surface_is_highest_at_the_posterior_mean(linear, rows):
    mean, variance = best(linear)(rows.x.numpy())
    at = {"z": tf.constant(np.r_[mean[0], np.log(variance)][None], tf.float32)}
    grid = mean[0] + np.stack(np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21)), -1).reshape(-1, 2)
    found = refinement_paths.landscape(linear, rows, at, grid)
    assert found.shape == (441,)
    assert np.abs(grid[found.argmax()] - mean[0]).max() <= 0.1
    wide = M1(D, Gaussian(), latent=3, hidden=[])
    with pytest.raises(ValueError, match="2 latents, the model has 3"):
        refinement_paths.landscape(wide, rows, wide.encode(rows.x), grid)


def test_the_pictures_that_there_are_and_why_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(
        refinement_figures, "paths", partial(refinement_figures.paths, steps=3)
    )  # each step is compiled
    x = RNG.uniform(size=(24, 16)).astype(np.float32)
    y = np.where(np.arange(24) < 12, np.arange(24) % 2, -1)
    settings = {"name": "m1", "hidden": [8], "classifier": "knn"}
    iterative = {"name": "iterative", "hidden": [8], "steps": 2, "warm_start": 0.0}
    two = SSVAEClassifier({**settings, "latent": 2}, inference=iterative, epochs=1).fit(x, y)
    assert refinement_figures.draw_all(two, x, (4, 4), tmp_path / "two") == {}
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"optimizers.png", "surface.png", "iterations.png"}
    three = SSVAEClassifier({**settings, "latent": 3}, epochs=1).fit(x, y)
    skipped = refinement_figures.draw_all(three, x, None, tmp_path / "three")
    assert skipped.keys() == {"surface", "iterations"}
    assert "not images" in skipped["iterations"]
    with pytest.raises(ValueError, match="2 rows or more, got 1"):
        refinement_figures.draw_all(two, x[:1], (4, 4), tmp_path / "none")


def test_a_flat_surface_has_no_contours_and_says_so():
    axis, rng = np.linspace(-1.0, 1.0, 9), np.random.default_rng(0)
    curved = -200.0 - 5.0 * np.add.outer(axis**2, axis**2)
    flat = np.full((9, 9), -200.0)
    surfaces = [
        refinement_figures.Surface(axis, axis, np.float32(bound), {"gradient_refined": rng.normal(size=(4, 2))})
        for bound in (curved, flat, flat + rng.uniform(0, 1e-4, size=flat.shape))
    ]
    figure = refinement_figures.contours(surfaces)
    assert [axes.get_title() for axes in figure.axes] == ["", *["flat: -200 nats everywhere"] * 2]
    assert [len(axes.collections) for axes in figure.axes] == [1, 0, 0]
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 2]  # the path and its start
