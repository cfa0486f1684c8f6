"""A process that dies at any moment of a write, or that the disk refuses, leaves the old state or the new one."""

import errno
import os
import resource
import signal
import sys
import warnings

import numpy as np
import pytest

from ssvae import SSVAEClassifier, atomic_files
from ssvae.estimator import persistence
from ssvae.training.callbacks import State
from ssvae.training.checkpoint import Checkpoint

ASKED = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp")
DIED = 9
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)).astype(np.float32), np.arange(12) % 2


def in_child(work) -> int:
    """Return the exit code of a forked process that does the work, which must not use TensorFlow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside TensorFlow's threads, which is meant
        child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying(work, moment: int):
    """Let the process die just before the nth time that the work asks the system for a change (or opens a file)."""
    left = [moment]

    def hook(event: str, arguments: object) -> None:
        if event in ASKED:
            left[0] -= 1
            if left[0] < 0:
                os._exit(DIED)

    def run() -> None:
        sys.addaudithook(hook)
        work()

    return run


class Text:
    def __init__(self, folder):
        self.path = folder / "a.txt"

    def write(self, state):
        atomic_files.write_text(self.path, state * 100_000)

    def read(self):
        text = self.path.read_text()
        assert text == text[:3] * 100_000
        return text[:3]


class Training:
    """A checkpoint."""

    def __init__(self, folder):
        self.folder = folder / "checkpoint"

    def write(self, state):
        checkpoint = Checkpoint(self.folder, restart=True)
        checkpoint.resume({})
        checkpoint.save({}, State(state, 1, [np.full(1000, 7.0)]), {}, force=True)

    def read(self):
        return Checkpoint(self.folder).resume({}).state.stage


class Model:
    """A saved classifier, whose predictions were made before: TensorFlow does not run in forked processes."""

    def __init__(self, folder, classifier, monkeypatch):
        self.folder, self.classifier = folder / "model", classifier
        arrays = persistence._arrays(classifier)
        monkeypatch.setattr(persistence, "_arrays", lambda _: arrays)

    def write(self, state):
        self.classifier.history_ = {"epoch": [1], "stage": [state]}
        self.classifier.save(self.folder, overwrite=True)

    def read(self):
        there = atomic_files.whole(self.folder)
        manifest = persistence._read_manifest(there)
        for name in persistence.FILES:
            persistence._read(there, name, manifest)  # compares with the checksums
        return manifest["history"]["stage"][0]


@pytest.fixture(scope="module")
def classifier():
    model = {"name": "supervised", "hidden": [4]}
    return SSVAEClassifier(model, epochs=1, regularizers=(), random_state=0).fit(X, Y)


@pytest.fixture(params=["text", "checkpoint", "classifier"])
def written(request, tmp_path, monkeypatch):
    if request.param == "classifier":
        return Model(tmp_path, request.getfixturevalue("classifier"), monkeypatch)
    return {"text": Text, "checkpoint": Training}[request.param](tmp_path)


def test_a_process_may_die_at_any_moment(written):
    written.write("old")
    moment, seen = 0, []
    while (code := in_child(dying(lambda: written.write("new"), moment))) == DIED:
        seen.append(written.read())  # raises where it is neither
        moment += 1
        written.write("old")  # what the dead process left is in nobody's way
    assert code == 0
    assert written.read() == "new"
    assert seen[0] == "old"
    assert seen == sorted(seen, reverse=True)  # old until the moment from which on it is new
    assert len(seen) >= 4


def test_a_process_may_die_in_the_middle_of_the_bytes(written):
    written.write("old")

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # the kernel ends the process at the first byte beyond
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        written.write("new")

    assert in_child(work) == -signal.SIGXFSZ
    assert written.read() == "old"


def test_a_full_disk_is_said_and_what_was_there_stays(written):
    written.write("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(
            OSError, match=r"cannot be written \(File too large\); what was there .* unchanged: make room"
        ):
            written.write("new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert written.read() == "old"
    assert not [name for _, folders, names in os.walk(_top(written)) for name in (*folders, *names) if "draft" in name]


def test_a_folder_that_is_read_only_is_said_and_what_was_there_stays(written, monkeypatch):
    written.write("old")

    def refuse(*_arguments, **_settings):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", refuse)
        patch.setattr(os, "open", refuse)
        with pytest.raises(OSError, match=r"cannot be written \(.*Read-only file system.*\); .* may be written to"):
            written.write("new")
    assert written.read() == "old"


def test_bytes_are_on_the_disk_before_their_name_is(written, monkeypatch):
    """A rename may reach the disk first: a power cut would then leave an empty file."""
    log, replace, sync = [], os.replace, atomic_files.sync
    monkeypatch.setattr(atomic_files, "sync", lambda path: log.append(str(path)) or sync(path))
    monkeypatch.setattr(os, "replace", lambda old, new: log.append((str(old), str(new))) or replace(old, new))
    written.write("new")
    (draft, path) = next(entry for entry in log if isinstance(entry, tuple))
    assert draft in log[: log.index((draft, path))]
    assert log[-1] == os.path.dirname(path)  # and then the folder that holds the name


def _top(written):
    return (written.path if isinstance(written, Text) else written.folder).parent
