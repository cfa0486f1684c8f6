"""`ssvae gap` and `ssvae evaluate --log-p`, on one small run whose classifier answers at once."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from ssvae.cli import progress
from ssvae.cli.main import main
from ssvae.evaluation.inference_gap_report import About, GapReport
from ssvae.evaluation.log_likelihood import Estimate
from ssvae.experiments import run


@pytest.fixture
def asked(quick_core, tmp_path, monkeypatch):
    """Make a run in tmp_path / "run", and return what its classifier is asked."""
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    asked = []

    def elbo_gap(self, X, steps, samples, random_state, progress):
        asked.append((X, steps, samples, random_state))
        low, high = (
            Estimate(np.full(len(X), -9.0), X.mean(axis=1) - gap, np.full(len(X), 20.0)) for gap in (12.0, 11.0)
        )
        curve = {1: np.zeros((2, len(X))), samples: np.ones((2, len(X)))}
        return GapReport(About("log p(x)", samples, steps, 0), low, low, high, {0: low, 5: high}, curve)

    def log_evidence(self, X, samples, progress=None):
        progress(len(X), len(X))
        return -9.0 - X.mean(axis=1)

    monkeypatch.setattr(quick_core, "elbo_gap", elbo_gap, raising=False)
    monkeypatch.setattr(quick_core, "log_evidence", log_evidence, raising=False)
    monkeypatch.setattr("ssvae.evaluation.metrics.circumstances", lambda *_: {"steps": 3, "binarisation": "none"})
    run.run({"dataset": {"name": "digits", "labels": 50}}, tmp_path / "run")
    return asked


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def test_gap_on_some_test_rows(asked, tmp_path):
    numbers = json.loads(invoke("gap", tmp_path / "run", "--rows", "30", "--steps", "7", "--json").stdout)
    assert numbers["rows"] == 30
    assert numbers["amortisation_gap"] == pytest.approx(1.0)
    text = invoke("gap", tmp_path / "run", "--rows", "30", "-o", tmp_path / "gap.png").stdout
    assert f"verdict: {numbers['verdict']}" in text
    assert (tmp_path / "gap.png").stat().st_size > 3000
    (first, steps, samples, seed), (again, *_) = asked
    assert (steps, samples, seed) == (7, 500, 0)
    np.testing.assert_array_equal(first, again)
    invoke("gap", tmp_path / "run", "--rows", "30", "--seed", "1")
    assert (asked[2][0] != first).any()
    invoke("gap", tmp_path / "run")
    assert len(asked[3][0]) == 500  # all there are
    invoke("gap", tmp_path / "run", "--samples", "1", code=2)
    assert "is no run" in invoke("gap", tmp_path, code=1).stderr


def test_evaluate_with_log_p(asked, tmp_path):
    numbers = json.loads(invoke("evaluate", tmp_path / "run", "--log-p", "5000", "--json").stdout)
    assert numbers["log_p"] < -9.0
    assert (numbers["log_p_samples"], numbers["steps"], numbers["binarisation"]) == (5000, 3, "none")
    assert "log_p" not in json.loads(invoke("evaluate", tmp_path / "run", "--json").stdout)


def test_progress_is_told_now_and_then_from_the_first_rows_on(monkeypatch, capsys):
    now = iter([100.0, 102.0, 106.0, 107.0, 112.0, 120.0])  # what is done in the first 100 s is none of its business
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(now)))
    tell = progress.to_stderr("gap")
    for done in (10, 20, 40, 45, 70, 100):
        tell(done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "gap: 40 of 100 rows, about 12 s left",
        "gap: 70 of 100 rows, about 6 s left",
    ]
