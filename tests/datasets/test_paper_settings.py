"""The paper's SVHN and NORB set-ups, as shipped, run on small made files."""

import numpy as np
import pytest

from ssvae import experiment
from ssvae.config import load, merge


@pytest.mark.parametrize("name", ["svhn_m1_m2_paper", "norb_m1_svm_paper"])
def test_runs(name, made, tmp_path):
    shipped = load(name).values
    folder, options = made(shipped["dataset"]["name"])
    small = {
        "dataset": {"folder": str(folder), "labels": 20, **options},
        "classifier": {"epochs": 2, "preprocessing": {"name": "pca", "components": 20}},
    }
    metrics = experiment.run(merge(shipped, small), tmp_path / "run")
    assert metrics["labels"] == 20
    assert 0 <= metrics["test_error"] <= 100
    assert 0 <= metrics["supervised_error"] <= 100
    assert np.isfinite(metrics["bound"])
    assert (tmp_path / "run" / "model" / "manifest.json").exists()
