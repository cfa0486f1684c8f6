"""Progress and its clock, by a time that the tests set."""

import time

import numpy as np
import pytest

from ssvae import SSVAEClassifier
from ssvae.training.callbacks import Callback, StagePlan
from ssvae.training.clock import Clock
from ssvae.training.progress import Progress


@pytest.fixture
def now(monkeypatch):
    """The seconds that the clock shows, in a list."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_the_clock_adds_up_what_the_parts_will_take(now):
    clock = Clock()
    assert clock.left is None  # nothing is known
    clock.expect({"m1": 10.0, "m2": 20.0, "pictures": 5.0})
    assert clock.left == 35.0
    clock.begin("m1")
    now[0] += 4.0  # of compilation: 6 of the 10 seconds are left
    assert (clock.left, clock.passed) == (31.0, 4.0)
    clock.steps_begin()
    now[0] += 2.0
    clock.advance(0.25)
    # Steps: a quarter took 2 s, so that 6 are to come; the part takes 12 s of the 10 that were expected.
    assert clock.left == pytest.approx(6.0 + 1.2 * 25.0)
    now[0] += 6.0
    clock.advance(1.0)
    clock.end()
    assert clock.left == pytest.approx(1.2 * 25.0)
    clock.begin("m2")
    now[0] += 40.0
    assert clock.left == pytest.approx(1.2 * 5.0)  # longer than expected: none of it is known to be left
    clock.end()
    assert clock.left == pytest.approx((12.0 + 40.0) / (10.0 + 20.0) * 5.0)


def test_compilation_does_not_slow_the_steps_that_are_to_come(now):
    clock = Clock()
    clock.begin("m2", 0.5)  # resumed
    now[0] += 37.0
    clock.steps_begin()
    now[0] += 1.0
    clock.advance(0.75)
    assert clock.left == pytest.approx(1.0)


def test_plain_lines_have_the_time_of_all_parts(now, capsys):
    progress = Progress({"evaluation": 2.0})
    assert isinstance(progress, Callback)
    progress.fit_begin({"m1": StagePlan(10, "graph mode", 8.0), "m2": StagePlan(3, "XLA", 20.0)})
    now[0] += 3.0
    progress.stage_begin("m1", 10, 2)  # resumed after two epochs
    progress.working("compiling")
    progress.working("compiling")
    now[0] += 4.0
    progress.working("")
    for now[0], epoch in ((113.0, 4), (115.0, 5), (119.0, 6), (120.0, 9)):
        progress.epoch_end("m1", epoch, {"loss": 12.3456})
    progress.stage_end("m1", [])
    progress.working("neighbours")
    progress.stage_begin("m2", 3, 0)
    now[0] = 130.0
    for epoch in range(3):  # of one call
        progress.advance("m2", 3)
        progress.epoch_end("m2", epoch, {"loss": 1.0})
    progress.stage_end("m2", [])
    with progress.part("evaluation"):
        now[0] += 1.0
    progress.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "[0:00, about 0:30 left] training: m1, 10 epochs (graph mode); m2, 3 epochs (XLA)",
        # of the 8 seconds of m1, 6.4 are left for its 8 epochs
        "[0:03, about 0:28 left] m1: compiling",
        # 3 epochs took 6 s and 5 are to come: 10 s; m1 takes 20 s of 6.4, and so m2 and evaluation 20/6.4 times 22 s
        # 5 epochs took 12 s and 3 are to come: 7.2 s; 23.2 s of 6.4
        "[0:13, about 1:19 left] m1: epoch 5 of 10, loss 12.35",
        "[0:19, about 1:27 left] m1: epoch 7 of 10, loss 12.35",
        # 17 s of 6.4
        "[0:20, about 0:58 left] m1: epoch 10 of 10, loss 12.35",
        "[0:20, about 0:58 left] neighbours",
        # 27 s of 26.4 so far
        "[0:30, about 0:02 left] m2: epoch 3 of 3, loss 1",
        "[0:30, about 0:02 left] evaluation",
    ]


def test_work_before_a_stage_is_expected_and_says_how_much_is_done(now, capsys):
    progress = Progress()
    progress.fit_begin({"m2": StagePlan(3, "XLA", 20.0, before={"neighbours": 30.0})})
    progress.working("neighbours")
    for now[0], share in ((101.0, 0.1), (106.0, 0.2), (107.0, 0.3), (120.0, 1.0)):
        progress.worked(share)
    assert capsys.readouterr().err.splitlines() == [
        "[0:00, about 0:50 left] training: m2, 3 epochs (XLA)",
        "[0:00, about 0:50 left] neighbours",
        "[0:06, about 0:44 left] neighbours: 20%",  # 30 s, as was expected
        "[0:20, about 0:13 left] neighbours: 100%",  # 20 of 30 s, and so m2 20 / 30 of 20 s
    ]


def test_bars_on_a_terminal_end(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = Progress()
    progress.fit_begin({"m2": StagePlan(2, "XLA", 1.0)})
    progress.working("neighbours")  # a bar of its own, which the stage ends
    progress.stage_begin("m2", 2, 1)
    progress.working("compiling")
    progress.working("")
    progress.advance("m2", 1.5)
    progress.epoch_end("m2", 1, {"loss": 1.0})
    bars = progress._view._bars
    assert bars.finished
    assert [task.description for task in bars.tasks] == ["neighbours", "m2"]
    progress.fit_end()
    assert not bars.live.is_started
    progress.interrupted()
    err = capsys.readouterr().err
    assert "training: m2, 2 epochs (XLA)" in err
    assert "epoch 2 of 2, loss 1" in err


class Slow(Callback):
    """Takes a second whenever something is compiled, and keeps what it is told."""

    def __init__(self):
        self.told = []

    def working(self, what):
        self.told.append(what)
        time.sleep(1.0 if what == "compiling" else 0.0)


def test_compilation_is_not_epoch_time():
    x, y = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    slow, settings = Slow(), {"epochs": 2, "regularizers": [], "random_state": 0}
    model = {"name": "m2", "latent": 2, "hidden": [5], "classifier_hidden": [7]}
    fitted = SSVAEClassifier(model, callbacks=[slow], **settings).fit(x, y)
    assert slow.told == ["compiling", "compiling", ""]
    assert max(fitted.history_["seconds"]) < 1.0
    SSVAEClassifier(model, callbacks=[slow], **settings).fit(x, y)
    assert len(slow.told) == 3  # the program was there already


def test_the_stages_are_known_before_the_first_begins():
    told = []

    class Keep(Callback):
        def fit_begin(self, stages):
            told.append({name: plan.epochs for name, plan in stages.items()})

        def stage_begin(self, stage, epochs, done):
            told.append((stage, epochs))

        def fit_end(self):
            told.append("end")

    x, y = np.random.default_rng(0).random((40, 3)), np.where(np.arange(40) < 20, np.arange(40) % 2, -1)
    model = {"name": "m1_m2", "latent": 2, "hidden": [5], "m1": {"hidden": [5]}}
    SSVAEClassifier(model, callbacks=[Keep()], regularizers=[], epochs={"m1": 2, "m2": 1}, random_state=0).fit(x, y)
    assert told == [{"m1": 2, "m2": 1}, ("m1", 2), ("m2", 1), "end"]
