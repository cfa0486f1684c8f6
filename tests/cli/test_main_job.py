"""The whole way with the real classifier: fit, stop, go on, look, predict; few epochs, for only the way is tested."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.datasets import digits

SSVAE = [sys.executable, "-m", "ssvae"]
QUICK = ["--labels", "50", "--seed", "3", "--set", "classifier.epochs=3"]


def invoke(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    result = invoke("fit", *QUICK, "--out", folder, "--json")
    assert json.loads(result.stdout) == json.loads((folder / "metrics.json").read_text())
    return folder


def test_the_numbers_are_all_there(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 < metrics["test_error"] < 100
    assert 0 < metrics["supervised_error"] < 60
    assert metrics["bound"] < 0 < metrics["bits_per_dim"]
    assert metrics["labels"] == len(json.loads((run / "labeled.json").read_text())["rows"]) == 50


def test_the_saved_model_gives_the_same_numbers(run):
    kept = json.loads((run / "metrics.json").read_text())
    numbers = json.loads(invoke("evaluate", run, "--json").stdout)
    for key in ("bound", "ece", "nll"):
        assert numbers[key] == pytest.approx(kept[key], rel=1e-4)
    assert numbers["error"] == kept["test_error"]


def test_predict_analogies_and_sample(run, tmp_path):
    x = digits.load().x_test
    np.savez(tmp_path / "new.npz", x=x[:5])
    invoke("predict", run, tmp_path / "new.npz", "-o", tmp_path / "out.csv")
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))) == 5
    invoke("predict", run, tmp_path / "new.npz", "--via", "bayes", "-o", tmp_path / "bayes.csv")
    invoke("analogies", run, "-o", tmp_path / "a.png")
    for n in range(2):
        invoke("sample", run, "--rows", "2", "--seed", "1", "-o", tmp_path / f"{n}.csv")
    assert (tmp_path / "0.csv").read_text() == (tmp_path / "1.csv").read_text()


def test_nothing_but_ours_is_on_stderr(tmp_path):
    command = [*SSVAE, "fit", *QUICK, "--model", "supervised", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert not re.search(r"tensorflow|oneDNN|CUDA|WARNING|Traceback", done.stderr), done.stderr
    assert "error on test rows" in done.stderr


@pytest.mark.parametrize("model", ["m1", "m2", "supervised"])
def test_every_model_has_a_run(model, tmp_path):
    invoke("fit", *QUICK, "--model", model, "--set", "classifier.epochs=1", "--out", tmp_path / "run")
    invoke("evaluate", tmp_path / "run")


SMALL = ["regularizers=[]", "model.latent=4", "model.hidden=[16]", "model.m1.hidden=[16]", "model.m2.latent=3"]


@pytest.mark.slow
def test_ctrl_c_and_resume_end_where_an_uninterrupted_run_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ssvae.plots.run_figures.draw_all", lambda *_: {}
    )  # no pictures where only numbers are compared
    quick = [*QUICK, "--set", "classifier.epochs=150", *(f"--set=classifier.{setting}" for setting in SMALL)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [*SSVAE, "fit", *quick, "--out", str(tmp_path / "stopped")]
    fit = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert "settings shipped" in fit.stderr.readline()
    assert any("epoch" in line for line in iter(fit.stderr.readline, ""))  # training has begun, most is still to come
    fit.send_signal(signal.SIGINT)
    _, words = fit.communicate(timeout=60)
    assert fit.returncode == 130, words
    assert "--resume` continues" in words
    assert not (tmp_path / "stopped" / "metrics.json").exists()
    invoke("fit", *quick, "--out", tmp_path / "stopped", "--resume")
    invoke("fit", *quick, "--out", tmp_path / "whole")
    stopped, whole = (json.loads(Path(tmp_path / name / "metrics.json").read_text()) for name in ("stopped", "whole"))
    assert stopped["test_error"] == whole["test_error"]
    assert stopped["bound"] == pytest.approx(whole["bound"], rel=1e-5)
