"""The commands that open a run, on one small run."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.experiments import own_files
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
    (tmp_path / "new.csv").write_text("length,width\n1,03.0\n0,3\n")
    text = invoke("predict", table_run, tmp_path / "new.csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["prediction"] for row in rows] == ["b", "a"]
    assert [row["width"] for row in rows] == ["03.0", "3"]
    assert text.startswith("length,width,prediction,confidence,proba_a,proba_b\n")
    bare = invoke("predict", table_run, tmp_path / "new.csv", "--bare").stdout
    assert bare.startswith("row,prediction,confidence,proba_a,proba_b\n0,b,")


@pytest.mark.filterwarnings("ignore:.* which are left out")
def test_predicted_tables_can_be_predicted_again(invoke, table_run, tmp_path):
    (tmp_path / "new.csv").write_text("length,width\n1,3\n0,3\n")
    invoke("predict", table_run, tmp_path / "new.csv", "-o", tmp_path / "once.csv")
    invoke("predict", table_run, tmp_path / "once.csv", "-o", tmp_path / "twice.csv")
    once, twice = (
        list(csv.DictReader(io.StringIO((tmp_path / f"{name}.csv").read_text()))) for name in ("once", "twice")
    )
    answers = ("prediction", "confidence", "proba_a", "proba_b")
    assert twice == [row | {f"ssvae_{name}": row[name] for name in answers} for row in once]


def test_rows_without_a_label_get_one_in_the_run_folder(quick_core, tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    lines = [f"{n % 2},{'ab'[n % 2] if n < 20 else ''}" for n in range(30)]
    (tmp_path / "own.csv").write_text("\n".join(["width,kind", *lines]) + "\n")
    run_experiment({"dataset": {"data": str(tmp_path / "own.csv"), "target": "kind"}}, tmp_path / "run")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "run" / "labels.csv").read_text())))
    assert list(rows[0]) == ["row", "prediction", "confidence", "proba_a", "proba_b"]
    assert [(row["row"], row["prediction"]) for row in rows] == [(str(n), "ab"[n % 2]) for n in range(20, 30)]
    assert all(float(row["confidence"]) == max(float(row["proba_a"]), float(row["proba_b"])) for row in rows)
    assert not own_files.others(tmp_path / "run")
    own_files.clear(tmp_path / "run")
    assert not (tmp_path / "run" / "labels.csv").exists()


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
