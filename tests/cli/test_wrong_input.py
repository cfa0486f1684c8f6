"""What is wrong with files, folders and options is said within 1.5 CPU-seconds, before TensorFlow is imported."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

LIMIT = 1.5  # CPU-seconds, from the start of the process to its end
# Calls every command of a JSON list on stdin, one after another, and prints what came of each, as a JSON list.
CHILD = """
import json, sys, time
from click.testing import CliRunner
from ssvae.cli.main import main

found = []
for arguments in json.load(sys.stdin):
    began = time.process_time() if found else 0.0  # the first pays for the start and the imports
    done = CliRunner().invoke(main, arguments)
    heavy = [name for name in ("tensorflow", "keras", "sklearn") if name in sys.modules]
    found.append([done.exit_code, done.stderr, heavy, time.process_time() - began])
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table, its faulty variants, arrays, settings, a run whose model is of 3 columns, and a file."""
    folder = tmp_path_factory.mktemp("wrong")
    x, kind = np.random.default_rng(0).normal(size=(60, 2)), np.array(["ant", "bee", "cow"] * 20)
    lines = [f"{a:.3f},{b:.3f},{name}" for (a, b), name in zip(x, kind, strict=True)]
    (folder / "table.csv").write_text("\n".join(["a,b,kind", *lines]))
    (folder / "gap.csv").write_text("\n".join(["a,b,kind", *lines, ",1.0,ant"]))
    (folder / "wide.csv").write_text("a,b,c\n1,2,3\n")
    (folder / "one.csv").write_text("\n".join(["a,b,kind", *(line for line in lines if line.endswith("ant"))]))
    (folder / "twice.csv").write_text("\n".join(2 * ["a,b,kind", *lines]))
    np.savez(folder / "parts.npz", x=x, y=np.arange(60) % 2, x_test=x, y_test=np.arange(60) % 3)
    np.savez(folder / "texts.npz", x=x, y=np.arange(60) % 2, x_test=x, y_test=(np.arange(60) % 2).astype(str))
    pixels = np.zeros((60, 3, 1), np.uint8)
    np.savez(folder / "images.npz", x=pixels)
    np.savez(folder / "bytes.npz", x=x, y=np.arange(60) % 2, x_test=pixels[:, :2], y_test=np.arange(60) % 2)
    np.savez(folder / "square.npz", x=x, y=np.arange(60).reshape(15, 4) % 2)
    np.savez(folder / "infinite.npz", x=np.where(x > 2, np.inf, x), y=np.arange(60) % 3)
    (folder / "settings.yaml").write_text("classifier:\n  model: m2\n  epoch: 5\n")
    (folder / "full").mkdir()
    (folder / "full" / "thesis.txt").write_text("mine")
    run = folder / "run"
    (run / "model").mkdir(parents=True)
    (run / "config.yaml").write_text(
        f"dataset: {{data: {folder}/table.csv, target: kind, labels: 9}}\nclassifier: {{}}"
    )
    form = {"name": "table", "feature_names": ["a", "b", "c"], "image_shape": None}
    (run / "dataset.json").write_text(json.dumps(form))
    (run / "model" / "manifest.json").write_text(json.dumps({"features": 3}))
    (run / "model" / "notes.txt").write_text("mine")
    return folder


TABLE = ["fit", "--data", "table.csv", "--target", "kind", "--labels", "9"]
WRONG = [
    (["fit", "--data", "table.csv", "--target", "kin"], "did you mean 'kind'"),
    (["fit", "--data", "tabel.csv"], "there is no file or folder"),
    (["fit", "--data", "gap.csv", "--target", "kind", "--set", "classifier.likelihood=gaussian"], "needs every cell"),
    (["fit", "--data", "one.csv", "--target", "kind"], "y has one class only, 'ant'"),
    (["fit", "--data", "table.csv"], "y has no labelled row"),
    (["fit", "--data", "table.csv", "--unlabelled", "wide.csv"], "has no column 'kind'"),
    (["fit", "--data", "table.csv", "--labels-file", "table.csv"], "labels_file is for a folder of images"),
    (["fit", "--data", "infinite.npz"], "x is inf at row"),
    ([*TABLE, "--labels", "500"], "labels=500 needs"),
    (["fit", "--dataset", "mnits"], "did you mean 'mnist'"),
    (["fit", "--dataset", "mnist", "--data-dir", "nowhere"], "is not a folder"),
    (["fit", "--labels", "5"], "at least one label per class"),
    (["fit", "--config", "settings.yaml"], "settings.yaml, line 3: unknown classifier key 'epoch'"),
    ([*TABLE, "--model", "m3"], "unknown model 'm3'"),
    ([*TABLE, "--strategy", "two"], "classifier.strategy must be 'auto' or 'one'"),
    ([*TABLE, "--set", "classifier.alpha=-1"], "alpha must be >= 0"),
    ([*TABLE, "--set", "classifier.epochs=0"], "epochs must be > 0"),
    ([*TABLE, "--set", "classifier.random_state=-1"], "random_state must be an int >= 0"),
    ([*TABLE, "--set", "classifier.regularizers=[neighbors]"], "did you mean 'neighbours'"),
    ([*TABLE, "--set", "classifier.early_stopping={evry: 2}"], "did you mean 'every'"),
    ([*TABLE, "--set", "classifier.likelihood=bernoulli"], "likelihood Bernoulli needs values in [0, 1]"),
    ([*TABLE, "--set", "classifier.model.m1={trained: nowhere}"], "nowhere is not a saved classifier"),
    ([*TABLE, "--out", "full"], "full is not empty"),
    ([*TABLE, "--out", "full", "--overwrite"], "it holds thesis.txt"),
    ([*TABLE, "--out", "table.csv"], "is a file"),
    ([*TABLE, "--out", "run", "--overwrite"], "model/notes.txt"),
    ([*TABLE, "--out", "run", "--resume"], "holds a run with other settings"),
    (["predict", "nowhere", "table.csv"], "nowhere is no run"),
    (["predict", "run", "tabel.csv"], "there is no file or folder"),
    (["predict", "run", "table.csv"], "no column 'c', which the model was fitted on"),
    (["predict", "run", "infinite.npz"], "x is inf at row"),
    (["predict", "run", "table.csv", "-o", "table.csv"], "table.csv is the file that is read"),
    (["predict", "run", "table.csv", "-o", "full"], "full is a folder: name a file"),
    (["impute", "run", "table.csv", "-o", "table.csv"], "table.csv is the file that is read"),
    (["gap", "run", "-o", "gap.txt"], "gap.txt has none of the suffixes .png"),
    (["fit", "--data", "parts.npz"], "20 of the test rows have labels that no row to learn from has, such as 2"),
    (["fit", "--data", "texts.npz"], "60 of the test rows have labels that no row to learn from has, such as '0'"),
    (["fit", "--data", "bytes.npz"], "save x float64 [60, 2], x_test uint8 [60, 2, 1] alike"),
    (["predict", "run", "images.npz"], "x is [60, 3, 1] of bytes, and fit saw no images"),
    (["fit", "--data", "square.npz"], "y is [15, 4]; one label a row, [60], is needed"),
    (["fit", "--data", "table.csv", "--labels", "9"], "name the column of labels with target (--target)"),
    (["fit", "--data", "twice.csv", "--target", "kind"], "row 61 below the header is the header again"),
    (["evaluate", "run"], "has 2 columns, the model of run was fitted on 3"),
    (["gap", "nowhere"], "nowhere is no run"),
    (["sample", "run", "-o", "rows.png"], "the rows of this run are not images"),
    (["topics", "nowhere"], "nowhere is no run"),
    (["analogies", "nowhere", "-o", "a.png"], "nowhere is no run"),
    (["reproduce", "auxilary"], "did you mean 'auxiliary'"),
    (["config", "print", "settings.yaml", "--resolved"], "unknown classifier key 'epoch'"),
]


@pytest.fixture(scope="module")
def answers(folder):
    """What came of each command line: exit code, standard error, heavy modules, CPU-seconds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SSVAE_")}
    lines = json.dumps([arguments for arguments, _ in WRONG])
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(command, input=lines, cwd=folder, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_input_is_found_before_tensorflow_is_imported(answers, number):
    code, said, heavy, seconds = answers[number]
    assert WRONG[number][1] in said
    assert (code, heavy) == (1, [])
    assert seconds + (answers[0][3] if number else 0.0) < LIMIT
