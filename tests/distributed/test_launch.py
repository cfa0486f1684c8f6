"""The supervisor of workers, with commands that do nothing, and with a fit that is stopped and killed on its way."""

import os
import signal
import sys

import numpy as np
import pytest

from ssvae.datasets import load
from ssvae.distributed import cluster
from ssvae.distributed import launch as supervisor
from ssvae.training import worker_agreement


def program(text):
    return [
        sys.executable,
        "-c",
        "import json, os, sys, time\nnumber = json.loads(os.environ['TF_CONFIG'])['task']['index']\n" + text,
    ]


def launched(first, again=None, workers=2, tries=3, heard=None):
    """Return the exit code, and what was said."""
    said = []

    def say(line):
        said.append(line)
        if heard is not None:
            heard(line)

    return supervisor.launch(first, again or first, workers, tries, say), said


def test_workers_know_each_other_and_are_heard_by_number():
    code, said = launched(program("print('config', os.environ['TF_CONFIG'], file=sys.stderr)"), workers=3)
    assert code == 0
    heard = dict(line.split(" config ") for line in said)
    assert set(heard) <= {f"[worker {number}]" for number in range(3)}
    assert "[worker 0]" in heard
    assert '"index": 0' in heard["[worker 0]"]
    assert heard["[worker 0]"].count("127.0.0.1:") == 3


def test_only_the_first_worker_prints(capfd):
    assert launched(program("print('numbers of', number)"))[0] == 0
    assert capfd.readouterr().out == "numbers of 0\n"


def test_all_start_again_when_one_is_killed(monkeypatch):
    monkeypatch.setattr(supervisor, "LAST_WORDS", 0.1)
    code, said = launched(program("time.sleep(60) if number else os.kill(os.getpid(), 9)"), program("pass"))
    assert code == 0
    assert said == ["worker 0 was killed by SIGKILL; all start again from the last checkpoint"]


def test_it_gives_up_after_some_tries(monkeypatch):
    monkeypatch.setattr(supervisor, "LAST_WORDS", 0.1)
    code, said = launched(program("time.sleep(0 if number else 60); sys.exit(75)"), tries=2)
    assert code == 75
    assert said[0] == "worker 1 ended with exit code 75; all start again from the last checkpoint"
    assert said[1] == "worker 1 ended with exit code 75; giving up"
    assert said[2].startswith("no try of 2 came to its end (--tries allows more)")


@pytest.mark.parametrize("code", [1, 2])
def test_wrong_input_is_not_tried_again(code):
    assert launched(program(f"print('Error: no such data', file=sys.stderr); sys.exit({code})"))[0] == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on(number):
    text = """
import signal
def answer(number, frame):
    print('kept', number, file=sys.stderr, flush=True)
    sys.exit(128 + number)
for which in (signal.SIGINT, signal.SIGTERM):
    signal.signal(which, answer)
print('ready', file=sys.stderr, flush=True)
time.sleep(60)
"""
    ready = []

    def heard(line):
        if "ready" in line:
            ready.append(line)
            if len(ready) == 2:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    code, said = launched(program(text), heard=heard)
    assert code == 128 + number
    assert {f"[worker {worker}] kept {int(number)}" for worker in range(2)} < set(said)
    assert signal.getsignal(number) is before


def test_cluster_is_what_tf_config_says(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster.read() == ([], 0)
    monkeypatch.setenv("TF_CONFIG", cluster.write(cluster.Cluster(["a:1", "b:2"], 1)))
    assert cluster.read() == (["a:1", "b:2"], 1)
    monkeypatch.setenv(
        "TF_CONFIG", '{"cluster": {"chief": ["c:0"], "worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'
    )
    assert cluster.read() == (["c:0", "a:1"], 1)


@pytest.mark.parametrize(
    "text",
    ["workers", "", "[]", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}'],
)
def test_a_wrong_tf_config_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG must be JSON as"):
        cluster.read()


def test_workers_that_would_train_alone_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster.write(cluster.Cluster(["a:1", "b:2"], 1)))
    with pytest.raises(ValueError, match="TF_CONFIG names 2 workers, and strategy='one' would train on each of them"):
        worker_agreement.joined("one")
    monkeypatch.delenv("TF_CONFIG")
    assert worker_agreement.joined("multiworker") is None


SETTINGS = {
    "model": {"name": "m2", "latent": 3, "hidden": [10]},
    "regularizers": [],
    "epochs": 90,
    "engine": "graph",
}


@pytest.mark.slow
def test_a_fit_that_is_stopped_and_killed_ends_as_one_that_is_not(tmp_path, monkeypatch):
    """SIGTERM first, then SIGKILL of one of two workers: the losses are those of one process that nobody disturbs."""
    out, team = tmp_path / "run", []

    class Known(supervisor.Worker):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            team.append(self)

    monkeypatch.setattr(supervisor, "Worker", Known)
    sets = [f"--set=classifier.{name}={value}" for name, value in SETTINGS.items() if name != "model"]
    sets += ["--model=m2", "--set=classifier.model.latent=3", "--set=classifier.model.hidden=[10]"]
    command = supervisor.this_command(["fit", "--labels=50", f"--out={out}", *sets])
    seen = []

    def stop(line):
        if "m2: epoch" in line and not seen:
            seen.append(line)
            os.kill(os.getpid(), signal.SIGTERM)

    code, said = launched(command, heard=stop)
    assert code == 143, said
    assert (out / "checkpoint" / "state.safetensors").is_file(), said
    seen.clear()

    def kill(line):
        if "m2: epoch" in line and not seen:
            seen.append(line)
            team[-1].process.kill()

    again = [*command, "--resume"]
    code, said = launched(again, again, heard=kill)
    assert code == 0, said
    assert any(line.startswith("worker 1 was killed by SIGKILL; all start again") for line in said), said
    history = np.genfromtxt(out / "history.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    from ssvae import SSVAEClassifier
    from ssvae.experiments import run_inputs

    dataset = load.load_dataset("digits")
    y = run_inputs.split({"seed": 0, "classifier": {"unlabeled": -1}, "dataset": {"labels": 50}}, dataset)[1]
    undisturbed = SSVAEClassifier(**SETTINGS, random_state=0).fit(dataset.x, y).history_
    np.testing.assert_allclose(history["loss"], undisturbed["loss"], rtol=1e-4)
