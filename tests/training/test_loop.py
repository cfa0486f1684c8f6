"""The compiled loop: resumed, diverging, watched, and in several threads."""

import os
import resource
import signal
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from ssvae import SSVAEClassifier
from ssvae.backend.compile_cache import Pool
from ssvae.training import loop, stage_run, streams
from ssvae.training.callbacks import Callback
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.schedule import Schedule

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
Y = np.where(np.arange(40) % 4 == 0, np.repeat([0, 1], 20), -1)
MODELS = {
    "m2": {"name": "m2", "latent": 2, "hidden": [4]},
    "m1_m2": {"name": "m1_m2", "latent": 2, "hidden": [4], "m1": {"hidden": [4]}},
    "supervised": {"name": "supervised", "hidden": [4]},
}


def classifier(model="m2", **settings) -> SSVAEClassifier:
    arguments = {
        "epochs": 6,
        "batch_size": 10,
        "learning_rate": 3e-3,
        "regularizers": (),
        "random_state": 0,
        **settings,
    }
    return SSVAEClassifier(MODELS[model], **arguments)


def same_weights(first, second) -> None:
    pairs = zip(first.model_.get_weights(), second.model_.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


class Interrupt(Callback):
    """Ctrl-C in the middle of an epoch of a stage, once."""

    def __init__(self, stage, epoch):
        self.stage, self.epoch = stage, epoch

    def advance(self, stage, epochs):
        if (stage, int(epochs)) == (self.stage, self.epoch):
            raise KeyboardInterrupt


class InterruptAfter(Interrupt):
    """Ctrl-C while the callbacks are told of an epoch."""

    def advance(self, stage, epochs):
        pass

    def epoch_end(self, stage, epoch, logs):
        if (stage, epoch) == (self.stage, self.epoch):
            raise KeyboardInterrupt


class InterruptLost(Interrupt):
    """Ctrl-C inside code that ignores errors, as C code of TensorFlow and NumPy may."""

    class Ignoring:
        def __del__(self):  # whatever is raised here vanishes
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(1000))

    def advance(self, stage, epochs):
        if (stage, int(epochs)) == (self.stage, self.epoch):
            self.Ignoring()


@pytest.fixture
def single_epochs(monkeypatch):
    """Let every call of the compiled loop take one epoch, as on large data."""
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 3)


@pytest.mark.usefixtures("single_epochs")
@pytest.mark.parametrize("interruption", [Interrupt, InterruptAfter, InterruptLost])
@pytest.mark.parametrize(("model", "stage"), [("m2", "m2"), ("m1_m2", "m1"), ("m1_m2", "m2")])
def test_interrupted_fit_goes_on_to_the_same_weights(tmp_path, model, stage, interruption):
    whole = classifier(model).fit(X, Y)
    callbacks = [interruption(stage, 3), Checkpoint(tmp_path, every=1e9)]
    with pytest.raises(KeyboardInterrupt):
        classifier(model, callbacks=callbacks).fit(X, Y)
    seen = []

    class Watch(Callback):
        def stage_begin(self, stage, epochs, done):
            seen.append((stage, done))

    resumed = classifier(model, callbacks=[Watch(), Checkpoint(tmp_path)]).fit(X, Y)
    assert seen[0][0] == stage
    assert seen[0][1] >= 2  # and not from the beginning
    same_weights(resumed, whole)
    for column in ("stage", "epoch", "loss"):
        assert resumed.history_[column] == whole.history_[column]
    again = classifier(model, callbacks=[Checkpoint(tmp_path)]).fit(X, Y)  # a finished fit is read back
    same_weights(again, whole)
    assert again.history_["loss"] == whole.history_["loss"]


def test_ctrl_c_is_answered_after_the_steps_of_one_call(monkeypatch):
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 1)
    seen = []

    class Ask(Callback):
        def advance(self, stage, epochs):
            seen.append(epochs)
            if len(seen) == 4:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="interrupted in epoch 2 of stage 'm2'"):
        classifier(callbacks=[Ask()]).fit(X, Y)
    np.testing.assert_allclose(seen, np.arange(1, 5) / 3)  # of three steps an epoch


def test_chunks_of_steps_do_not_matter(monkeypatch):
    whole = classifier().fit(X, Y)
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 2)
    chunked = classifier().fit(X, Y)
    same_weights(chunked, whole)
    assert chunked.history_["loss"] == pytest.approx(whole.history_["loss"], rel=1e-6)


def test_losses_fall_and_history_adds_up():
    """Without a weight prior, the loss of each epoch is −(N_l/N · mean L + N_u/N · mean U) + α (CE + regularizers)."""
    settings = {"weight_prior": 0.0, "alpha": 0.3, "regularizers": ["mutual_information"]}
    begun = time.perf_counter()
    fitted = classifier(epochs=40, learning_rate=1e-2, **settings).fit(X, Y)
    assert 0.0 < sum(fitted.history_["seconds"]) < time.perf_counter() - begun
    history = {name: np.array(column) for name, column in fitted.history_.items()}
    assert fitted.n_iter_ == len(history["epoch"]) == 40
    assert history["epoch"].tolist() == list(range(1, 41))
    labelled, unlabelled = history["labelled_bound"], history["unlabelled_bound"]
    extra = history["cross_entropy"] + history["regularizer"]
    np.testing.assert_allclose(history["loss"], -(10 * labelled + 30 * unlabelled) / 40 + 0.3 * extra, rtol=1e-5)
    assert np.abs(history["regularizer"]).min() > 1e-4  # small, but there
    assert np.abs(labelled - unlabelled).max() > 0.01
    assert np.mean(history["loss"][-5:]) < np.mean(history["loss"][:5])
    assert np.mean(unlabelled[-5:]) > np.mean(unlabelled[:5])


def test_extreme_learning_rate_ends_in_a_finite_model_or_says_so():
    said, fitted = "", None
    try:
        fitted = classifier(learning_rate=1e18).fit(X, Y)
    except FloatingPointError as error:
        said = str(error)
    if fitted is None:
        assert "stage 'm2' is not finite in epoch" in said
        assert "set a lower learning_rate" in said
    else:
        assert all(np.isfinite(weight).all() for weight in fitted.model_.get_weights())


def test_diverging_fit_goes_back_and_on_at_half_the_rate(monkeypatch):
    run, seen = stage_run.StageRun._steps, []

    def spoilt(self, first, last):
        seen.append((first, self.factor))
        losses = run(self, first, last)
        return losses * np.nan if len(seen) == 2 else losses

    monkeypatch.setattr(stage_run.StageRun, "_steps", spoilt)
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 3)
    fitted = classifier(epochs=3, schedule="constant").fit(X, Y)
    starts = [first for first, _ in seen]
    assert starts[1] == starts[2] > starts[0]
    assert [factor for _, factor in seen] == [1.0, 1.0, 0.5, 0.5]
    assert fitted.history_["learning_rate_factor"] == [1.0, 0.5, 0.5]
    # What was trained at half the rate after the first epoch is what a schedule of these rates trains.
    monkeypatch.setattr(stage_run.StageRun, "_steps", run)
    monkeypatch.setattr(Schedule, "rates", lambda self, steps, total: np.where(steps < 3, 3e-3, 1.5e-3))
    same_weights(fitted, classifier(epochs=3).fit(X, Y))
    monkeypatch.setattr(stage_run.StageRun, "_steps", lambda self, first, last: run(self, first, last) * np.nan)
    with pytest.raises(FloatingPointError, match=r"not finite in epoch 1, even at 1/32 of learning_rate=0.003"):
        classifier(epochs=3).fit(X, Y)


def test_keras_callbacks_are_called(tmp_path):
    calls, kept = [], []

    class Weights(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append([w.copy() for w in self.model.get_weights()])

    log = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: calls.append("begin"),
        on_epoch_begin=lambda epoch, logs: calls.append(epoch),
        on_epoch_end=lambda epoch, logs: calls.append((epoch, logs["loss"])),
        on_train_end=lambda logs: calls.append("end"),
    )
    csv = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    fitted = classifier(epochs=3, callbacks=[log, csv, Weights()]).fit(X, Y)
    losses = fitted.history_["loss"]
    assert calls == ["begin", 0, (0, losses[0]), 1, (1, losses[1]), 2, (2, losses[2]), "end"]
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert len(lines) == 4
    assert "loss" in lines[0]
    assert any((a != b).any() for a, b in zip(kept[0], kept[1], strict=True))  # the weights of each epoch
    assert all((a == b).all() for a, b in zip(kept[2], fitted.model_.get_weights(), strict=True))
    same_weights(fitted, classifier(epochs=3).fit(X, Y))  # watching changes nothing


def test_early_stopping_stops_each_stage(tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=2, restore_best_weights=True)
    callbacks = [stop, Checkpoint(tmp_path)]
    settings = {"epochs": 12, "learning_rate": 1e-2}
    fitted = classifier(callbacks=callbacks, **settings).fit(X, Y)
    assert fitted.n_iter_ < 12
    best = 1 + int(np.argmax(fitted.history_["loss"]))
    assert fitted.n_iter_ == best + 2
    # what the callback left in the model is also what a checkpoint gives back
    same_weights(classifier(callbacks=[Checkpoint(tmp_path)], **settings).fit(X, Y), fitted)


def test_fits_in_two_threads_are_those_of_one():
    seeds, alone, together = (0, 1), {}, {}
    for seed in seeds:
        alone[seed] = classifier(random_state=seed).fit(X, Y)
    threads = [
        threading.Thread(target=lambda s=seed: together.update({s: classifier(random_state=s).fit(X, Y)}))
        for seed in seeds
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in seeds:
        same_weights(together[seed], alone[seed])
        np.testing.assert_array_equal(together[seed].predict_proba(X), alone[seed].predict_proba(X))


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_twenty_fits_are_traced_once(monkeypatch, engine):
    built = []

    class Kept(loop.Program):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            built.append(self)

    monkeypatch.setattr(loop, "POOL", Pool())
    monkeypatch.setattr(loop, "Program", Kept)
    for seed in range(20):
        rows = np.random.default_rng(seed).permutation(40)[: 36 + seed % 4]
        same = {"labeled_batch_size": 4}  # a step of as many rows in every fit: XLA compiles for its shapes
        classifier(epochs=2 + seed % 2, random_state=seed, engine=engine, **same).fit(X[rows], Y[rows])
    assert len(built) == 1
    assert built[0].steps.experimental_get_tracing_count() == 1
    if engine == "xla":
        assert len(built[0].compiled) == 1  # one length of windows, however many steps a fit takes


def test_memory_is_flat_over_repeated_fits():
    """After a warm-up; 50 larger fits are a case of `benchmarks/memory.py`."""
    found = []
    for seed in range(40):
        classifier(epochs=2, random_state=seed).fit(X, Y).predict_proba(X)
        found.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20)
    assert found[-1] - found[10] < 10.0, found  # MiB


def test_programs_are_reused(monkeypatch):
    built = []

    class Counted(loop.Program):
        def __init__(self, *arguments):
            built.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(loop, "POOL", Pool())
    monkeypatch.setattr(loop, "Program", Counted)
    first = classifier(epochs=2).fit(X, Y)
    assert len(built) == 1
    second = classifier(epochs=2).fit(X, Y)
    classifier(epochs=3, batch_size=7, learning_rate=1e-4, random_state=5).fit(X[:30], Y[:30])
    assert len(built) == 1
    same_weights(first, second)  # nothing of the fits between is left in the program
    classifier(epochs=2, alpha=0.5).fit(X, Y)
    assert len(built) == 2
