"""`ssvae fit --data FILE --stream`: the runs and predictions of the same rows in memory."""

import csv
import json
import re

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.readers.errors import DataError
from ssvae.readers.read import read_features, read_table

RNG = np.random.default_rng(0)
Y = np.arange(120) % 2
X = (RNG.normal(2.0 * Y[:, None], 1.0, (120, 4))).astype(np.float32)
SMALL = ["--model", "m2", "--set", "classifier.epochs=2", "--set", "classifier.regularizers=[]", "--labels", "20"]


def call(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def table(tmp_path):
    frame = pd.DataFrame(X, columns=[*"abcd"]).assign(job=np.array(["cook", "smith"])[Y], kind=[*map(str, Y)])
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=17)
    return tmp_path / "x.parquet"


def losses(folder):
    with open(folder / "history.csv") as file:
        return [row["loss"] for row in csv.DictReader(file)]


@pytest.mark.slow
def test_a_run_on_disk_is_that_in_memory(table, tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    monkeypatch.setattr("ssvae.experiments.cross_validation.classifiers", lambda index, seed: {})
    given = ["fit", "--data", table, "--target", "kind", "--no-safe", "--test", "0.2", *SMALL]
    call(*given, "--out", tmp_path / "kept")
    call(*given, "--out", tmp_path / "streamed", "--stream")
    assert losses(tmp_path / "streamed") == losses(tmp_path / "kept")
    numbers, streamed = (json.loads((tmp_path / n / "metrics.json").read_text()) for n in ("kept", "streamed"))
    for name in ("test_error", "supervised_error", "bound", "labels"):
        assert streamed[name] == numbers[name]
    kept, read = (call("predict", tmp_path / n, table).stdout for n in ("kept", "streamed"))
    assert read == kept
    assert json.loads(call("evaluate", tmp_path / "streamed", "--json").stdout)["error"] == numbers["test_error"]


@pytest.mark.parametrize("stream", [False, True])
def test_arrays_and_their_labels(tmp_path, stream):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "labels.npy", Y)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"], file["y"] = X.reshape(120, 2, 2), Y
    for name, target in (("x.npy", str(tmp_path / "labels.npy")), ("x.h5", None)):
        data = read_table(tmp_path / name, target, test=30, stream=stream)
        assert len(data.x_test) == 30
        both = np.concatenate([np.asarray(data.x[:]), data.x_test])
        order = np.lexsort(both.T)
        np.testing.assert_array_equal(both[order], X[np.lexsort(X.T)])
        np.testing.assert_array_equal(np.concatenate([data.y, data.y_test])[order], Y[np.lexsort(X.T)])
        assert isinstance(data.x, np.ndarray) != stream
        np.testing.assert_array_equal(read_features(tmp_path / name, stream=stream)[:], X)
    assert data.image_shape == (2, 2)


def test_rows_to_hold_out_must_find_room(table, monkeypatch):
    monkeypatch.setattr("ssvae.readers.read.MOST_TEST", 100)
    with pytest.raises(DataError, match=r"the 24 rows to hold out would take .* --set dataset\.test=10000"):
        read_table(table, "kind", stream=True, test=0.2)
    assert len(read_table(table, "kind", stream=True, test=4).x_test) == 4


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("row", [3, 77, 118])
def test_a_value_that_is_not_finite_is_found_at_its_place_in_the_file(tmp_path, monkeypatch, stream, row):
    """Rows that would be held out are among these, and rows behind them."""
    monkeypatch.setattr("ssvae.readers.base.BYTES", 10 * 4 * 4)
    x = X.copy()
    x[row, 2] = np.inf
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(DataError, match=f"x is inf at row {row}, column 2; finite numbers"):
        read_table(tmp_path / "x.npy", str(tmp_path / "y.npy"), test=0.5, stream=stream)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "x.csv", "--target", "a"], r"x\.csv cannot stay on disk, those of \["),
        (["--dataset", "digits"], "--stream: unknown dataset key 'stream'"),
        (["--data", "x.npy", "--target", "kind"], r"give a \.npy file of them as target, not 'kind'"),
        (["--data", "x.npy", "--target", "y.npy"], r"x\.npy has 120 rows but 119 labels"),
    ],
    ids=["a form that is read whole", "a data set", "a column of an array", "too few labels"],
)
def test_what_cannot_stay_on_disk(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a,b\n0,1\n1,2\n")
    np.save("x.npy", X)
    np.save("y.npy", Y[1:])
    result = call("fit", *arguments, "--stream", "--out", "run", code=1)
    assert re.search(words, " ".join(result.output.split())), result.output
    assert not (tmp_path / "run").exists()
