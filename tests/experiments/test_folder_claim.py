"""Who may write to the folder of a run, and what becomes of it when others meddle."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml

from ssvae.experiments import folder_claim, folder_lock, run, run_folder
from ssvae.experiments.folder_lock import FolderLock
from ssvae.registry import imported

CONFIG = {"dataset": {"name": "digits", "labels": 50}, "classifier": {"model": "m2"}, "seed": 1}
HOLDER = """
import sys, time
from pathlib import Path
from ssvae.experiments.folder_lock import FolderLock
with FolderLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})


@pytest.fixture
def done(quick_core, no_pictures, tmp_path):
    run.run(CONFIG, tmp_path / "run")
    return tmp_path / "run"


def test_a_folder_is_of_one_process_until_that_ends(tmp_path):
    folder = tmp_path / "new" / "run"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=rf"in use by another run \(process {holder.pid} on "), FolderLock(folder):
            pass
        holder.send_signal(signal.SIGKILL)
    assert (folder / folder_lock.NAME).is_file()  # but nobody holds it
    with FolderLock(folder) as lock:
        assert lock.held
        with pytest.raises(ValueError, match="in use"), FolderLock(folder):
            pass
    assert os.listdir(folder) == []


def test_a_folder_made_for_the_lock_goes_with_it(tmp_path):
    with FolderLock(tmp_path / "a" / "b") as lock:
        assert lock.held
    assert os.listdir(tmp_path) == []
    with FolderLock(tmp_path / "a" / "b"):
        (tmp_path / "a" / "mine").touch()
    assert os.listdir(tmp_path / "a") == ["mine"]


def test_a_run_in_a_locked_folder_is_refused_before_it_reads_there(done):
    (done / "config.yaml").write_text("broken")
    with FolderLock(done), pytest.raises(ValueError, match="in use by another run"):
        run.run(CONFIG, done, resume=True)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "title: my paper",
        "",
        "1",
        "dataset: 1\nclassifier: 2",
        "dataset: {}\nclassifier: {}\nauthor: me",
        "a: [",
        "a: &a [*a]",
    ],
)
def test_what_is_no_run_is_not_overwritten(quick_core, no_pictures, tmp_path, text):
    paper = tmp_path / "paper"
    for name in ("figures", "model", "checkpoint"):
        (paper / name).mkdir(parents=True)
        (paper / name / "mine.txt").write_text("x")
    if text is not None:
        (paper / "config.yaml").write_text(text)
    with pytest.raises(
        ValueError, match=r"is not known to be a run .*config.yaml.*it holds checkpoint.*figures, model"
    ):
        run.run(CONFIG, paper, overwrite=True)
    assert all((paper / name / "mine.txt").read_text() == "x" for name in ("figures", "model", "checkpoint"))


def test_files_of_others_in_a_run_stay_when_it_is_replaced(quick_core, no_pictures, tmp_path):
    folder = tmp_path / "run"
    run.run(CONFIG, folder)
    (folder / "figures").mkdir()
    for name in ("confusion_matrix", "samples"):  # as the run would have drawn them
        (folder / "figures" / f"{name}.png").touch()
    mine = ["notes.txt", "figures/mine.png", "figures/for_talk/samples.png", "checkpoint/mine"]
    for name in mine:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    with pytest.warns(UserWarning, match=r"no run wrote: notes.txt, figures/for_talk, figures/mine.png, checkpoint/"):
        metrics = run.run({**CONFIG, "seed": 2}, folder, overwrite=True)
    assert all((folder / name).read_text() == "x" for name in mine)
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["for_talk", "mine.png"]
    assert json.loads((folder / "metrics.json").read_text())["seed"] == metrics["seed"] == 2
    folder_claim.check_whole(folder)


@pytest.mark.parametrize("how", ["overwrite", "resume"])
def test_files_of_others_in_a_model_stop_a_run_before_it_begins(done, how):
    (done / "model" / "mine.txt").write_text("x")
    (done / "metrics.json").unlink()
    before = (done / "config.yaml").read_bytes()
    with pytest.raises(ValueError, match=r"its model has files that no run wrote: model/mine.txt\. Move them away"):
        run.run({**CONFIG, "seed": 1 if how == "resume" else 2}, done, **{how: True})
    assert (done / "model" / "mine.txt").read_text() == "x"
    assert (done / "config.yaml").read_bytes() == before


DAMAGE = ["", "1", "null", "[]", "{}", '{"name": 1}', "[" * 100_000, "{", "\xff", '{"name": "a", "feature_names": 5}']


@pytest.mark.parametrize("text", DAMAGE)
def test_damaged_json_is_one_line_with_the_file(done, text):
    (done / "dataset.json").write_text(text, "latin-1")
    with pytest.raises(ValueError, match=r"dataset.json is damaged"):
        run_folder.open_run(done)
    (done / "metrics.json").write_text(text, "latin-1")
    if not text.startswith("{") or text == "{":
        with pytest.raises(ValueError, match=r"metrics.json is damaged"):
            run.run(CONFIG, done, resume=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "a: &a {b: *a}",
        "[[[",
        "dataset: {name: digits, labels: []}\nclassifier: {}",
        "dataset: {}\nclassifier: {1: 2}",
    ],
)
def test_damaged_settings_are_one_line_with_the_file(done, text):
    (done / "config.yaml").write_text(text)
    for call in (lambda: run_folder.open_run(done), lambda: run.run(CONFIG, done, resume=True)):
        with pytest.raises(ValueError, match=r"config.yaml"):
            call()


def test_a_file_may_be_named_from_anywhere(quick_core, no_pictures, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    (tmp_path / "here").mkdir()
    np.savez(tmp_path / "here" / "own.npz", x=rng.normal(size=(60, 2)), y=np.arange(60) % 2)
    monkeypatch.chdir(tmp_path / "here")
    run.run({"dataset": {"data": "own.npz"}}, "run")
    written = yaml.safe_load((tmp_path / "here" / "run" / "config.yaml").read_text())
    assert written["dataset"]["data"] == str(tmp_path / "here" / "own.npz")
    written["dataset"]["data"] = "own.npz"  # as earlier versions wrote it
    (tmp_path / "here" / "run" / "config.yaml").write_text(yaml.safe_dump(written))
    run.run({"dataset": {"data": "own.npz"}}, "run", resume=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"dataset.data was"):
        run.run({"dataset": {"data": "here/own.npz"}}, "here/run", resume=True)
    slot = {"name": "m1_m2", "m1": {"trained": "runs/m1/model"}}
    full = run_folder.absolute({"dataset": {"name": "digits", "folder": "data"}, "classifier": {"model": slot}})
    assert full["dataset"]["folder"] == str(tmp_path / "data")
    assert full["classifier"]["model"]["m1"]["trained"] == str(tmp_path / "runs" / "m1" / "model")


def deleting(folder, function):
    """Call a function and then delete the folder, once."""
    left = [True]

    def call(*arguments, **options):
        found = function(*arguments, **options)
        if left.pop() if left else False:
            shutil.rmtree(folder)
        return found

    return call


@pytest.mark.parametrize(
    "moment",
    [
        "ssvae.experiments.folder_claim.begin",
        "ssvae.experiments.run_training.fit",
        "ssvae.experiments.run_metrics.measure",
    ],
)
@pytest.mark.filterwarnings("ignore:.* was deleted while a run was writing to it:UserWarning")
def test_a_run_whose_folder_is_deleted_writes_it_again(quick_core, tmp_path, monkeypatch, moment):
    module, name = moment.rsplit(".", 1)
    monkeypatch.setattr(moment, deleting(tmp_path / "run", imported(f"{module}:{name}")))
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
    metrics = run.run(CONFIG, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics
    folder_claim.check_whole(tmp_path / "run")
    run_folder.open_run(tmp_path / "run")


def test_a_run_that_lost_files_does_not_say_that_it_is_done(quick_core, tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: shutil.rmtree(tmp_path / "run" / "model") or {})
    with pytest.raises(ValueError, match=r"is not whole, model/manifest.json went missing"):
        run.run(CONFIG, tmp_path / "run")


@pytest.mark.filterwarnings("ignore:.* was deleted while a run was writing to it:UserWarning")
def test_resume_works_after_ctrl_c_in_a_deleted_folder(quick_core, no_pictures, tmp_path, monkeypatch):
    def interrupt(self, *_):
        for callback in self.callbacks:
            callback.stage_begin("m2", 3, 0)
        shutil.rmtree(tmp_path / "run")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(quick_core, "fit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.run(CONFIG, tmp_path / "run")
    run.run(CONFIG, tmp_path / "run", resume=True)
    folder_claim.check_whole(tmp_path / "run")
