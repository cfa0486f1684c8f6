"""Rows that learn nets, on a few small binary images: numbers, files, figures and errors."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits

from ssvae import SSVAEClassifier
from ssvae.bayes_nets.mcem import MonteCarloEM
from ssvae.cli.main import main
from ssvae.experiments.reproductions import REPRODUCTIONS
from ssvae.experiments.reproductions.base import COST, Measurement
from ssvae.experiments.reproductions.curve import Curve
from ssvae.experiments.reproductions.learning import LABELS, Learning
from ssvae.experiments.reproductions.manifold import Manifold

X = (load_digits().data[:120] > 8).astype("f4")
MODEL = {"name": "m1", "latent": 2, "hidden": [4], "activation": "tanh"}
MEASUREMENT = Measurement(samples=20, rows=10)


@pytest.fixture
def few_rows(monkeypatch):
    """Give rows of 8 x 8 pixels in place of the data set, and a coarse grid."""
    for module in ("manifold", "learning"):
        monkeypatch.setattr(
            f"ssvae.experiments.reproductions.{module}.data", lambda row, folder: (X[:80], X[80:100], X[100:])
        )
        monkeypatch.setattr(f"ssvae.experiments.reproductions.{module}.POINTS", 10)


@pytest.mark.slow
def test_the_manifold_is_learnt_by_both_drawn_and_then_only_measured(few_rows, tmp_path, monkeypatch):
    row = Manifold(MODEL, epochs=2)
    first = row.run("manifold", tmp_path, MEASUREMENT)
    assert first["measured"] == "10 test rows, importance samples on the first 10"
    for method in ("mcem", "aevb"):
        assert 64 * np.log(2) * 0.5 < first[f"{method}_negative_log_p"] < 64 * np.log(2) * 2
        assert abs(first[f"{method}_coarse"]) < 0.1
        assert first[f"{method}_cpu_seconds"] > 0
        assert (tmp_path / f"{method}.png").stat().st_size > 5000
    assert first["aevb_negative_bound"] > first["aevb_negative_log_p"] - 0.5
    monkeypatch.setattr(SSVAEClassifier, "fit", None)
    monkeypatch.setattr(MonteCarloEM, "_step", None)
    again = row.run("manifold", tmp_path, MEASUREMENT)
    assert again == pytest.approx(first)
    with pytest.raises(ValueError, match="other settings or another seed"):
        row.run("manifold", tmp_path, MEASUREMENT._replace(seed=1))
    (tmp_path / "mcem" / "state.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="cannot be read"):
        row.run("manifold", tmp_path, MEASUREMENT)


@pytest.mark.slow
def test_curves_have_every_method_and_stay_when_it_is_run_again(few_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ssvae.experiments.reproductions.learning.LABELS", {name: LABELS[name] for name in ("aevb", "mcem_proposals")}
    )
    row = Learning(MODEL, rows=(40, 80), epochs=2, chained=1)
    first = row.run("learning", tmp_path, MEASUREMENT)
    for method in ("aevb", "mcem_proposals"):
        for rows in (40, 80):
            assert 20 < first[f"{method}_{rows}_negative_log_p"] < 90
            curve = json.loads((tmp_path / f"{method}-{rows}" / "curve.json").read_text())
            assert [seen for seen, _ in curve["found"]] == ([80, 160] if method == "aevb" else [80])
    assert (tmp_path / "learning.png").stat().st_size > 5000
    monkeypatch.setattr(SSVAEClassifier, "fit", None)
    monkeypatch.setattr(MonteCarloEM, "_step", None)
    assert row.run("learning", tmp_path, MEASUREMENT) == pytest.approx(first)
    (tmp_path / "aevb-40" / COST).unlink()
    (tmp_path / "aevb-40" / "curve.json").write_text("[1")
    with pytest.raises(ValueError, match=r"cannot be read .* to learn it again"):
        row.run("learning", tmp_path, MEASUREMENT)


def test_a_curve_of_other_rows_or_that_lacks_a_mark_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ssvae.experiments.reproductions.curve.log_p", lambda model, rows, points: np.full(len(rows), model)
    )
    path, marks = tmp_path / "own" / "curve.json", {1: 50, 2: 100}
    Curve(path, marks, (X,), 10)(-3.0, 1)
    curve = Curve(path, marks, (X,), 10)
    curve(-9.0, 1)  # known
    curve(-9.0, 7)  # no mark
    with pytest.raises(ValueError, match=r"has nothing at \[100\] samples: remove"):
        curve.values()
    curve(-2.0, 2)
    np.testing.assert_array_equal(curve.values()[1], [[-3.0], [-2.0]])
    with pytest.raises(ValueError, match="was measured on other rows"):
        Curve(path, marks, (X[:50],), 10)


def test_epochs_shorten_both_methods_at_equal_time():
    table = REPRODUCTIONS.get("auxiliary")
    assert table["manifold"].shortened(4) == Manifold(epochs=4)
    assert table["learning"].shortened(4) == Learning(epochs=4, chained=2)
    assert table["learning"].shortened(1) == Learning(epochs=1, chained=1)


def test_the_command_lists_the_rows_and_says_what_data_are_missing(tmp_path):
    listed = CliRunner().invoke(main, ["reproduce", "auxiliary", "--list"])
    assert "manifold" in listed.output
    assert "learning" in listed.output
    missing = ["reproduce", "auxiliary", "manifold", "--runs", str(tmp_path), "--data-dir", str(tmp_path / "none")]
    result = CliRunner().invoke(main, missing)
    assert result.exit_code == 1
    assert "is not a folder" in result.output
