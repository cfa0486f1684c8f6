"""What earlier versions wrote is read by this one: golden files, one folder for each schema version.

The rule: a change of what `save` writes that an older version could not read raises `persistence.SCHEMA` by one, and
`python tests/golden/make.py` then makes that version's golden files, which are committed and never made again.
"""

import json
import shutil
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from safetensors import safe_open

import ssvae
from ssvae.cli.main import main
from ssvae.estimator.persistence import SCHEMA
from ssvae.settings.renamed import ADDED

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDERS = sorted(GOLDEN.glob("schema_*"))
EVERY = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def rows():
    from sklearn.datasets import load_digits

    return load_digits().data[1000:1020].astype("float32")


def command(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_schema_version_has_its_golden_files():
    assert [folder.name for folder in FOLDERS] == [f"schema_{n + 1}" for n in range(SCHEMA)]


@EVERY
@pytest.mark.parametrize("name", ["m1", "m2"])
@pytest.mark.filterwarnings("error::FutureWarning")  # of names in a file the reader of it can change nothing
def test_a_saved_classifier_predicts_what_it_did(folder, name):
    classifier = ssvae.load(folder / name)
    x = rows() / 16 if name == "m1" else pd.DataFrame(rows(), columns=[f"pixel{i}" for i in range(64)])
    with np.load(folder / "expected.npz") as expected:
        assert (classifier.predict(x).astype(str) == expected[f"{name}/predict"]).all()
        np.testing.assert_allclose(classifier.predict_proba(x), expected[f"{name}/predict_proba"], atol=1e-5)
        np.testing.assert_allclose(classifier.transform(x), expected[f"{name}/transform"], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(classifier.bound(x), expected[f"{name}/bound"], rtol=1e-3)


@pytest.mark.parametrize("folder", FOLDERS[3:], ids=lambda folder: folder.name)
def test_a_saved_average_predicts_what_it_did(folder):
    from sklearn.datasets import load_iris

    safe, x = ssvae.load(folder / "safe"), load_iris().data[2::5].astype("float32")
    with np.load(folder / "expected.npz") as expected:
        for via in ("average", "encoder"):
            np.testing.assert_allclose(safe.predict_proba(x, via=via), expected[f"safe/{via}"], atol=1e-5)


@EVERY
def test_commands_open_a_finished_run(folder, tmp_path):
    run, table = folder / "finished", tmp_path / "new.csv"
    numbers = json.loads(command("evaluate", run, "--json"))
    stored = json.loads((run / "metrics.json").read_text("utf-8"))
    assert numbers["error"] == pytest.approx(stored["test_error"])
    assert numbers["bound"] == pytest.approx(stored["bound"], rel=1e-3)
    pd.DataFrame(rows() / 16).to_csv(table, index=False)
    command("predict", run, table, "-o", tmp_path / "predicted.csv")
    assert len(pd.read_csv(tmp_path / "predicted.csv")) == len(rows())
    command("sample", run, "-o", tmp_path / "sample.csv", "--rows", 2)
    assert len(pd.read_csv(tmp_path / "sample.csv")) == 20


@EVERY
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")  # its command is that of the time
def test_an_unfinished_run_goes_on_from_its_checkpoint(folder, tmp_path, monkeypatch):
    run = shutil.copytree(folder / "interrupted", tmp_path / "run")
    with safe_open(run / "checkpoint" / "state.safetensors", framework="np") as file:
        state = json.loads(file.metadata()["state"])
    # A checkpoint is for the packages that wrote it; these tests are run with later ones, too.
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: state["fingerprint"].get(name) or version(name))
    monkeypatch.setattr(ssvae, "__version__", state["fingerprint"]["ssvae"])
    done = state["epoch"]
    assert (state["stage"], done) == ("m2", 8)
    arguments = json.loads((run / "environment.json").read_text("utf-8"))["command"][1:]
    arguments = arguments[: arguments.index("--out")] if "--out" in arguments else arguments
    # The settings of the time, for defaults and those that are shipped for digits have changed.
    written = yaml.safe_load((run / "config.yaml").read_text("utf-8"))["classifier"]
    later = {name: value for name, value in ADDED.items() if name not in written and value is not None}
    since = [f"--set=classifier.{name}={value}" for name, value in later.items()]
    command(*arguments, "--config", run / "config.yaml", *since, "--out", run, "--resume")
    resumed, whole = (pd.read_csv(path / "history.csv") for path in (run, folder / "finished"))
    kept = len(state["history"]["loss"])
    assert resumed["loss"][:kept].tolist() == state["history"]["loss"]
    np.testing.assert_allclose(resumed["loss"], whole["loss"], rtol=1e-2)
    assert (run / "metrics.json").is_file()
