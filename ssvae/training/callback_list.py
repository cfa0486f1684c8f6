"""Between the training loop and the callbacks: history, checkpoints, and Keras callbacks adapted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ssvae.training.callbacks import AnyCallback, Callback, Checkpoint, Fingerprint, State, View


class CallbackList:
    """Tells every callback what happens and keeps the history.

    Parameters
    ----------
    callbacks : sequence of Callback or keras.callbacks.Callback
    fingerprint : callable
        Returns what identifies settings and data, for `Checkpoint`; called only where there is one.

    Attributes
    ----------
    history : dict of list
        One entry an epoch and column.
    done : dict
        Weights of the finished stages, by name.
    best : list of ndarray or None
        The weights that the stage is to end with, where a callback that watches has said so.
    stop : bool
        Whether a callback asked for an end of the stage.
    """

    def __init__(self, callbacks: Sequence[AnyCallback], fingerprint: Callable[[], Fingerprint] = dict) -> None:
        self.ours = [callback for callback in callbacks if isinstance(callback, Callback)]
        self.keras = [callback for callback in callbacks if isinstance(callback, keras.callbacks.Callback)]
        self.history: dict[str, list[Any]] = {}
        self.done: dict[str, list[np.ndarray]] = {}
        self.state: State | None = None
        self.best: list[np.ndarray] | None = None
        self._watching = [callback for callback in self.ours if type(callback).watch is not Callback.watch]
        self._stopped = False
        self.watch_weights = bool(self.keras or self._watching)
        self._checkpoints = [callback for callback in self.ours if isinstance(callback, Checkpoint)]
        identity = fingerprint() if self._checkpoints else {}
        for checkpoint in self._checkpoints:
            kept = checkpoint.resume(identity)
            if kept:
                self.done, self.state, self.history, self.best = (
                    kept[name] for name in ("done", "state", "history", "best")
                )
        self._kept = len(self.history.get("epoch", []))  # epochs of the history that the last good state has seen

    @property
    def stop(self) -> bool:
        """See the class."""
        return self._stopped or any(own.model is not None and own.model.stop_training for own in self.keras)

    def begin(self, stage: Any, objective: Any, epochs: int, done: int) -> None:
        """Tell that a stage begins or goes on."""
        self.stage, self.objective, self.epochs = stage, objective, epochs
        stage.model.stop_training = self._stopped = False
        if done and self.state is not None:
            stage.model.set_weights(self.state.arrays[: len(stage.model.weights)])
        else:
            self.best = None
        for callback in self.keras:
            callback.set_model(stage.model)
            callback.set_params({"epochs": epochs, "verbose": 0})
            callback.on_train_begin({})
        self._epoch_begins(done)
        self._watch(done)  # first, because a callback may refuse the stage, and others write when it begins
        for own in self.ours:
            own.stage_begin(stage.name, epochs, done)

    def progress(self, epochs: float) -> None:
        """`epochs` of the stage are done."""
        for callback in self.ours:
            callback.advance(self.stage.name, epochs)

    def epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Tell that an epoch ended."""
        row, rows = {"stage": self.stage.name, "epoch": epoch + 1, **logs}, len(self.history.get("epoch", []))
        for column in {**self.history, **row}:
            self.history.setdefault(column, [math.nan] * rows).append(row.get(column, math.nan))
        for callback in self.ours:
            callback.epoch_end(self.stage.name, epoch, logs)

    def keep(self, state: State, model: Any) -> None:
        """`state` is finite and at the end of an epoch."""
        self._kept = len(self.history["epoch"])
        if self.watch_weights:
            self.stage.model.set_weights(model.get_weights())
        self._watch(state.epoch)
        if self.keras:
            logs = {name: column[-1] for name, column in self.history.items() if name not in ("stage", "epoch")}
            for callback in self.keras:
                callback.on_epoch_end(state.epoch - 1, logs)
            self._epoch_begins(state.epoch)
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, state, self.history, self.best)

    def _watch(self, epoch: int) -> None:
        """Let callbacks judge the weights in the stage's model."""
        for callback in self._watching:
            view = View(self.stage.name, self.stage.model, self.objective, self.epochs, epoch, self.history)
            verdict = callback.watch(view)
            if verdict.best:
                self.best = self.stage.model.get_weights()
            for column, value in verdict.numbers.items():
                self.history.setdefault(column, [math.nan] * len(self.history["epoch"]))[-1] = value
            self._stopped |= verdict.stop

    def _epoch_begins(self, epoch: int) -> None:
        for callback in self.keras if epoch < self.epochs and not self.stop else ():
            callback.on_epoch_begin(epoch, {})

    def interrupted(self, state: State) -> None:
        """Ctrl-C: keep the last good state and what the history says of it."""
        self.history = {column: values[: self._kept] for column, values in self.history.items()}
        for callback in self.ours:
            callback.interrupted()
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, state, self.history, self.best, force=True)

    def end(self) -> None:
        """Tell that the stage is trained, after its weights were replaced by better ones where there are such."""
        for callback in self.keras:
            callback.on_train_end({})
        if self.best is not None:
            self.stage.model.set_weights(self.best)
        weights = self.done[self.stage.name] = self.stage.model.get_weights()
        for own in self.ours:
            own.stage_end(self.stage.name, weights)
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, None, self.history, force=True)
