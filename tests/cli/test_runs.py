"""The commands that open a run, on one small run."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.experiments.run import run as run_experiment


@pytest.fixture
def invoke(quick_core):
    def call(*arguments, code=0):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture
def run(quick_core, tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    run_experiment({"dataset": {"name": "digits", "labels": 50}}, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def table_run(quick_core, tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    lines = [f"{n % 7},{n % 2},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "own.csv").write_text("\n".join(["width,length,kind", *lines]) + "\n")
    config = {"dataset": {"data": str(tmp_path / "own.csv"), "target": "kind"}}
    run_experiment(config, tmp_path / "table")
    return tmp_path / "table"


def test_evaluate_gives_the_numbers_of_the_run(invoke, run):
    numbers = json.loads(invoke("evaluate", run, "--json").stdout)
    kept = json.loads((run / "metrics.json").read_text())
    assert numbers["error"] == pytest.approx(kept["test_error"])
    assert f"error: {numbers['error']:.4g}" in invoke("evaluate", run).stdout


def test_predict_writes_a_line_for_each_row(invoke, run, tmp_path):
    np.savez(tmp_path / "new.npz", x=np.random.default_rng(0).random((4, 64)))
    text = invoke("predict", run, tmp_path / "new.npz").stdout
    invoke("predict", run, tmp_path / "new.npz", "-o", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["row"] for row in rows] == ["0", "1", "2", "3"]
    assert list(rows[0]) == ["row", "prediction", "confidence", *[f"proba_{name}" for name in range(10)]]
    for row in rows:
        shares = [float(row[f"proba_{name}"]) for name in range(10)]
        assert int(row["prediction"]) == np.argmax(shares)
        assert float(row["confidence"]) == max(shares)


def test_predict_takes_the_columns_by_name(invoke, table_run, tmp_path):
    (tmp_path / "new.csv").write_text("length,width\n1,3\n0,3\n")
    rows = list(csv.DictReader(io.StringIO(invoke("predict", table_run, tmp_path / "new.csv").stdout)))
    assert [row["prediction"] for row in rows] == ["b", "a"]


def test_analogies_and_samples_of_images(invoke, run, tmp_path):
    for command in ("analogies", "sample"):
        invoke(command, run, "--rows", "3", "-o", tmp_path / f"{command}.png")
        assert (tmp_path / f"{command}.png").stat().st_size > 3000
    invoke("sample", run, "--rows", "2", "-o", tmp_path / "s.csv")
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 21


def test_analogies_and_samples_of_a_table(invoke, table_run, tmp_path):
    invoke("analogies", table_run, "-o", tmp_path / "a.png")
    invoke("sample", table_run, "--rows", "1", "-o", tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines()[0] == "width,length,kind"
    assert "not images" in invoke("sample", table_run, "-o", tmp_path / "s.png", code=1).stderr


@pytest.mark.parametrize("command", [["evaluate"], ["analogies", "-o", "a.png"], ["sample", "-o", "a.png"]])
def test_a_folder_that_is_no_run(invoke, tmp_path, command):
    name, *rest = command
    assert "is no run" in invoke(name, tmp_path, *rest, code=1).stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("a.csv", b"", "empty"), ("a.npz", b"PK\x03\x04half", "a.npz"), ("a.txt", b"1,2", "'.txt'")],
)
def test_predict_refuses_bad_files(invoke, run, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in invoke("predict", run, tmp_path / name, code=1).stderr


def test_a_wrong_call_is_exit_code_2(invoke, run):
    invoke("predict", run, code=2)
    invoke("analogies", run, code=2)
    invoke("fit", "--labels", "many", code=2)
