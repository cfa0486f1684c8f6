"""`--inference`: every method that refines and every model that has latents, from the command line and from YAML."""

import json

import pytest
import yaml
from click.testing import CliRunner

from ssvae.cli.main import main

SMALL = {  # beside the shipped settings of digits and M1+M2, whose dicts have their own stages and widths
    "m1": {"latent": 4, "hidden": [16], "classifier": "logistic_regression"},
    "m2": {"latent": 4, "hidden": [16]},
    "m1_m2": {"latent": 4, "hidden": [16], "m1": {"hidden": [16]}, "m2": {"latent": 3}},
    "hierarchical": {"latent": [4, 3], "hidden": [16, 8], "classifier": "logistic_regression"},
}
ITERATIVE = {"name": "iterative", "steps": 2, "hidden": [16], "encodings": ["data", "gradient", "errors"]}


def fit(folder, *arguments):
    result = CliRunner().invoke(main, ["fit", "--labels", "50", *arguments, "--out", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# Each method and each model; all pairs are in tests/inference, without the command line.
PAIRS = [("iterative", "m1"), ("gradient_refined", "m2"), ("iterative", "m1_m2"), ("gradient_refined", "hierarchical")]


@pytest.mark.slow
@pytest.mark.parametrize(("inference", "model"), PAIRS)
def test_the_command_line(tmp_path, monkeypatch, inference, model):
    if model != "m1_m2":
        monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})  # pictures take half of the time
    widths = [("--set", f"classifier.model.{key}={json.dumps(value)}") for key, value in SMALL[model].items()]
    few = [f"--set=classifier.{setting}" for setting in ("epochs=4", "regularizers=[]", "inference.steps=2")]
    metrics = fit(tmp_path / "run", "--model", model, "--inference", inference, *few, *sum(widths, ()))
    assert metrics["model"] == model
    assert 0 <= metrics["test_error"] < 100
    assert metrics["bound"] < 0
    found = CliRunner().invoke(main, ["evaluate", str(tmp_path / "run"), "--json"])
    assert json.loads(found.stdout)["bound"] == pytest.approx(metrics["bound"], rel=1e-4)


def test_a_file_and_the_command_line_over_it(tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    classifier = {"model": {"name": "m2", **SMALL["m2"]}, "inference": ITERATIVE, "regularizers": [], "epochs": 2}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"classifier": classifier}))
    fit(tmp_path / "run", "--config", str(tmp_path / "own.yaml"), "--set", "classifier.inference.test_steps=4")
    kept = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["classifier"]["inference"]
    assert kept == {**ITERATIVE, "test_steps": 4}
