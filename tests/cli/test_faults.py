"""What happens to long runs: they are told to end, the disk fills, data vanish or change, clocks jump."""

import os
import resource
import shutil
import signal
import time
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from ssvae.cli.main import main
from ssvae.experiments import run
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.progress import Progress

EPOCHS = 6


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("data") / "own.csv"
    lines = [f"{a:.4f},{b:.4f},{'ab'[n % 2]}" for n, (a, b) in enumerate(rng.normal(size=(60, 2)))]
    path.write_text("\n".join(["width,length,kind", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def fit(table):
    """Return a function that calls `ssvae fit` on the table and compares the exit code."""
    model = ["--set", "classifier.model={name: m2, latent: 2, hidden: [4]}", "--set", "classifier.regularizers=[]"]
    epochs = ["--set", f"classifier.epochs={EPOCHS}", "--set", "classifier.batch_size=20"]

    def call(folder, *arguments, code=0, data=table):
        command = ["fit", "--data", str(data), "--target", "kind", "--no-safe", "--labels", "20", *model, *epochs]
        result = CliRunner().invoke(main, [*command, "--out", str(folder), *arguments])
        assert result.exit_code == code, result.output + repr(result.exception)
        assert "Traceback" not in result.output
        return result.stderr

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
        patch.setattr("ssvae.experiments.cross_validation.classifiers", lambda index, seed: {})
        patch.setattr(run, "Checkpoint", partial(Checkpoint, every=0))
        patch.setattr("ssvae.training.streams.STEPS_PER_CALL", 3)  # one epoch a call, as on large data
        yield call


@pytest.fixture(scope="module")
def whole(fit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    fit(folder)
    return weights(folder)


def weights(folder):
    return load_file(folder / "model" / "weights.safetensors")


def same(folder, whole) -> bool:
    return all(np.array_equal(value, whole[name]) for name, value in weights(folder).items())


@contextmanager
def ended(epoch, number):
    """Let the process send itself a signal after an epoch."""

    def send(self, stage, done, logs):
        if done + 1 == epoch:
            os.kill(os.getpid(), number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "epoch_end", send)
        yield


@pytest.fixture(scope="module")
def told(fit, tmp_path_factory):
    """Return the folder of a run that got SIGTERM after three epochs."""
    folder = tmp_path_factory.mktemp("told") / "run"
    with ended(3, signal.SIGTERM):
        said = fit(folder, code=143)
    assert "--resume` continues from the last saved state" in said
    return folder


@pytest.fixture
def half(told, tmp_path):
    """Return a copy of the run, and its state."""
    folder = shutil.copytree(told, tmp_path / "run")
    return folder, (folder / "checkpoint" / "state.safetensors").read_bytes()


def test_sigterm_and_ctrl_c_save_and_end_with_the_codes_of_shells(fit, half, whole):
    folder, state = half
    with ended(5, signal.SIGINT):
        fit(folder, "--resume", code=130)
    assert (folder / "checkpoint" / "state.safetensors").read_bytes() != state
    fit(folder, "--resume")
    assert same(folder, whole)
    assert not (folder / "checkpoint").exists()
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + EPOCHS


def test_what_is_wrong_at_a_resume_is_said_and_the_state_kept(fit, half, whole, table, tmp_path):
    folder, state = half
    path = folder / "checkpoint" / "state.safetensors"
    own = shutil.copy(table, tmp_path / "own.csv")
    lines = table.read_text().splitlines(keepends=True)

    def refused(words, **given):
        assert words in fit(folder, "--resume", code=1, **given)

    refused("holds a run with other settings: dataset.data was", data=own)
    before = table.read_text()
    try:
        table.unlink()
        refused("own.csv")
        table.write_text("".join([*lines[:5], "9.0,9.0,a\n", *lines[6:]]))
        refused("was made by another fit: sha256 of the rows was")
    finally:
        table.write_text(before)
    for damaged in (b"", state[:-9], state[:-9] + b"x" + state[-8:], b"not ours"):
        path.write_bytes(damaged)
        refused("state.safetensors cannot be read")
        assert path.read_bytes() == damaged
    path.write_bytes(state)
    fit(folder, "--resume")
    assert same(folder, whole)


def test_a_full_disk_leaves_the_last_state(fit, half, whole):
    folder, state = half
    path = folder / "checkpoint" / "state.safetensors"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(state) - 100, hard))
    try:
        said = fit(folder, "--resume", code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (
        f"{path} cannot be written (File too large); what was there before is unchanged: make room on the disk" in said
    )
    assert path.read_bytes() == state
    fit(folder, "--resume")
    assert same(folder, whole)


def test_clocks_that_jump_do_not_matter(fit, half, whole, monkeypatch):
    """Only clocks that cannot jump are read: time.time() goes back here by an hour at every look."""
    folder, _ = half
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now.append(now[-1] - 3600.0) or now[-1])
    fit(folder, "--resume")
    monkeypatch.undo()
    assert same(folder, whole)
    rows = [row.split(",") for row in (folder / "history.csv").read_text().splitlines()]
    assert all(float(row[rows[0].index("seconds")]) >= 0 for row in rows[1:])
