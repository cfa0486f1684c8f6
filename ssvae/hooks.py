"""Between the training loop and the callbacks: history, checkpoints, and Keras callbacks adapted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ssvae.callbacks import Callback, Checkpoint, State


class Hooks:
    """Tells every callback what happens and keeps the history.

    Parameters
    ----------
    callbacks : sequence of Callback or keras.callbacks.Callback
    fingerprint : str
        Identifies settings and data, for `Checkpoint`.

    Attributes
    ----------
    history : dict of list
        One entry an epoch and column.
    done : dict
        Weights of the finished stages, by name.
    stop : bool
        Whether a Keras callback asked for an end of the stage.
    """

    def __init__(self, callbacks: Sequence[Any], fingerprint: str) -> None:
        self.ours = [callback for callback in callbacks if isinstance(callback, Callback)]
        self.keras = [callback for callback in callbacks if isinstance(callback, keras.callbacks.Callback)]
        self.history: dict[str, list[Any]] = {}
        self.done: dict[str, list[np.ndarray]] = {}
        self.state: State | None = None
        self.watch_weights = bool(self.keras)
        self._checkpoints = [callback for callback in self.ours if isinstance(callback, Checkpoint)]
        for checkpoint in self._checkpoints:
            kept = checkpoint.resume(fingerprint)
            if kept:
                self.done, self.state, self.history = kept["done"], kept["state"], kept["history"]
        self._kept = len(self.history.get("epoch", []))  # epochs of the history that the last good state has seen

    @property
    def stop(self) -> bool:
        """See the class."""
        return any(getattr(callback.model, "stop_training", False) for callback in self.keras)

    def begin(self, stage: Any, epochs: int, done: int) -> None:
        """Tell that a stage begins or goes on."""
        self.stage, self.epochs = stage, epochs
        stage.model.stop_training = False
        for callback in self.keras:
            callback.set_model(stage.model)
            callback.set_params({"epochs": epochs, "verbose": 0})
            callback.on_train_begin({})
        self._epoch_begins(done)
        for own in self.ours:
            own.stage_begin(stage.name, epochs, done)

    def progress(self, epochs: float) -> None:
        """`epochs` of the stage are done."""
        for callback in self.ours:
            callback.advance(self.stage.name, epochs)

    def epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Tell that an epoch ended."""
        for column, value in {"stage": self.stage.name, "epoch": epoch + 1, **logs}.items():
            self.history.setdefault(column, []).append(value)
        for callback in self.ours:
            callback.epoch_end(self.stage.name, epoch, logs)

    def keep(self, state: State, model: Any) -> None:
        """`state` is finite and at the end of an epoch."""
        self._kept = len(self.history["epoch"])
        if self.keras:
            self.stage.model.set_weights(model.get_weights())
            logs = {name: column[-1] for name, column in self.history.items() if name not in ("stage", "epoch")}
            for callback in self.keras:
                callback.on_epoch_end(state.epoch - 1, logs)
            self._epoch_begins(state.epoch)
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, state, self.history)

    def _epoch_begins(self, epoch: int) -> None:
        for callback in self.keras if epoch < self.epochs and not self.stop else ():
            callback.on_epoch_begin(epoch, {})

    def interrupted(self, state: State) -> None:
        """Ctrl-C: keep the last good state and what the history says of it."""
        self.history = {column: values[: self._kept] for column, values in self.history.items()}
        for callback in self.ours:
            callback.interrupted()
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, state, self.history, force=True)

    def end(self) -> None:
        """Tell that the stage is trained; a Keras callback may still replace its weights by better ones."""
        for callback in self.keras:
            callback.on_train_end({})
        weights = self.done[self.stage.name] = self.stage.model.get_weights()
        for own in self.ours:
            own.stage_end(self.stage.name, weights)
        for checkpoint in self._checkpoints:
            checkpoint.save(self.done, None, self.history, force=True)
