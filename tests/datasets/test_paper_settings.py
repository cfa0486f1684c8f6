"""The papers' set-ups, as shipped, run on small made files."""

import csv

import numpy as np
import pytest

from ssvae.experiments import run
from ssvae.settings.files import load, merge


@pytest.mark.parametrize("name", ["svhn_m1_m2_paper", "norb_m1_svm_paper"])
def test_runs(name, made, tmp_path):
    shipped = load(name).values
    folder, options = made(shipped["dataset"]["name"])
    small = {
        "dataset": {"folder": str(folder), "labels": 20, **options},
        "classifier": {"epochs": 2, "preprocessing": {"name": "pca", "components": 20}},
    }
    metrics = run.run(merge(shipped, small), tmp_path / "run")
    assert metrics["labels"] == 20
    assert 0 <= metrics["test_error"] <= 100
    assert 0 <= metrics["supervised_error"] <= 100
    assert np.isfinite(metrics["bound"])
    assert (tmp_path / "run" / "model" / "manifest.json").exists()


FEW = {"steps": 2, "hidden": [64]}  # in place of 5, each of which is compiled
NARROW = {"latent": 16, "decoder_hidden": [64]}
LEVELS = {"latent": [16, 8], "hidden": 64}
LOOPED = {"steps": 9, "test_steps": 9, "samples": 2, "test_samples": 2}  # as many are a loop, as 20 and 100 are
DENSITIES = {  # settings -> what is made smaller
    "mnist_iterative_paper": {"model": NARROW, "inference": FEW},
    "mnist_levels_iterative_paper": {"model": LEVELS, "inference": FEW},
    "binarized_mnist_refined_paper": {"model": {"latent": 16, "hidden": [64]}, "inference": LOOPED},
    "rcv1_paper": {"model": NARROW, "inference": FEW},
    "cifar10_iterative_paper": {"model": NARROW, "inference": FEW},
    "cifar10_hierarchical_paper": {"model": LEVELS, "inference": FEW},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DENSITIES)
def test_densities(name, made, tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    monkeypatch.setattr(
        "ssvae.experiments.run_metrics._baseline_error", lambda *_: None
    )  # a network without a density: see test_runs
    shipped = load(name).values
    folder, options = made(shipped["dataset"]["name"])
    few = {"dataset": {"folder": str(folder), "labels": 20, **options}, "classifier": {"epochs": 1}}
    metrics = run.run(merge(shipped, few, {"classifier": DENSITIES[name]}), tmp_path / "run")
    assert np.isfinite(metrics["bound"])
    assert np.isfinite(metrics["perplexity" if name == "rcv1_paper" else "bits_per_dim"])
    line = next(csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    assert np.isfinite(float(line["unlabelled_bound"]))
    assert ("held_out_bound" in line) == ("early_stopping" in shipped["classifier"])
