"""The callbacks of one fit: what the training loop calls; it keeps the history and adapts Keras' callbacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import keras

from ssvae.training.callbacks import AnyCallback, Arrays, Callback, History, StagePlan, State, View
from ssvae.training.checkpoint import Checkpoint, Fingerprint

if TYPE_CHECKING:
    from ssvae.models.base import Model, Stage
    from ssvae.objective import Objective


class CallbackList:
    """Calls every callback and keeps the history.

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
    state : State or None
        Of the stage that an interrupted fit was training.
    best : list of ndarray or None
        The weights that the stage is to end with, where a callback has set them.
    """

    def __init__(self, callbacks: Sequence[AnyCallback], fingerprint: Callable[[], Fingerprint] = dict) -> None:
        self.own = [callback for callback in callbacks if isinstance(callback, Callback)]
        self.keras = [callback for callback in callbacks if isinstance(callback, keras.callbacks.Callback)]
        self.history: History = {}
        self.done: dict[str, Arrays] = {}
        self.state: State | None = None
        self.best: Arrays | None = None
        self._watching = [callback for callback in self.own if type(callback).watch is not Callback.watch]
        self._stopped = False
        self.watch_weights = bool(self.keras or self._watching)
        self._checkpoints = [callback for callback in self.own if isinstance(callback, Checkpoint)]
        self._resume(fingerprint)
        self._kept = self._epochs  # of the history, those that the last good state has seen

    def _resume(self, fingerprint: Callable[[], Fingerprint]) -> None:
        identity = fingerprint() if self._checkpoints else {}
        for checkpoint in self._checkpoints:
            kept = checkpoint.resume(identity)
            if kept is not None:
                self.done, self.state, self.history, self.best = kept

    @property
    def _epochs(self) -> int:
        return len(self.history.get("epoch", []))

    @property
    def stop(self) -> bool:
        """Whether a callback asked for an end of the stage."""
        return self._stopped or any(own.model.stop_training for own in self.keras)

    def fit_begin(self, stages: Mapping[str, StagePlan]) -> None:
        """Begin the fit, of which these stages are left."""
        for callback in self.own:
            callback.fit_begin(stages)

    def working(self, what: str) -> None:
        """Begin something else than steps; "": steps again."""
        for callback in self.own:
            callback.working(what)

    def worked(self, share: float) -> None:
        """Say which share is done of what `working` has begun."""
        for callback in self.own:
            callback.worked(share)

    def stage_begin(self, stage: Stage, objective: Objective, epochs: int, done: int) -> None:
        """Begin a stage, or resume it after `done` epochs."""
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
        self._keras_epoch_begin(done)
        self._watch(done)  # first, because a callback may refuse the stage, and others write when it begins
        for own in self.own:
            own.stage_begin(stage.name, epochs, done)

    def advance(self, epochs: float) -> None:
        """`epochs` of the stage are done."""
        for callback in self.own:
            callback.advance(self.stage.name, epochs)

    def epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Add an epoch to the history."""
        row, rows = {"stage": self.stage.name, "epoch": epoch + 1, **logs}, self._epochs
        for column in {**self.history, **row}:
            self.history.setdefault(column, [math.nan] * rows).append(row.get(column, math.nan))
        for callback in self.own:
            callback.epoch_end(self.stage.name, epoch, logs)

    def keep(self, state: State, model: Model) -> None:
        """Keep a state that is finite, at the end of an epoch; `model` has its weights."""
        self._kept = self._epochs
        if self.watch_weights:
            self.stage.model.set_weights(model.get_weights())
        self._watch(state.epoch)
        if self.keras:
            logs = {name: column[-1] for name, column in self.history.items() if name not in ("stage", "epoch")}
            for callback in self.keras:
                callback.on_epoch_end(state.epoch - 1, logs)
            self._keras_epoch_begin(state.epoch)
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
                self.history.setdefault(column, [math.nan] * self._epochs)[-1] = value
            self._stopped |= verdict.stop

    def _keras_epoch_begin(self, epoch: int) -> None:
        for callback in self.keras if epoch < self.epochs and not self.stop else ():
            callback.on_epoch_begin(epoch, {})

    def interrupted(self, state: State) -> None:
        """Ctrl-C: keep the last good state, and the history up to it."""
        self.history = {column: values[: self._kept] for column, values in self.history.items()}
        for callback in self.own:
            callback.interrupted()
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, state, self.history, self.best, force=True)

    def stage_end(self) -> None:
        """End a stage; better weights that a callback found take the place of the last ones."""
        for callback in self.keras:
            callback.on_train_end({})
        if self.best is not None:
            self.stage.model.set_weights(self.best)
        weights = self.done[self.stage.name] = self.stage.model.get_weights()
        for own in self.own:
            own.stage_end(self.stage.name, weights)
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, None, self.history, force=True)

    def fit_end(self) -> None:
        """End the fit, also where it failed."""
        for callback in self.own:
            callback.fit_end()
