"""Checkpoints: the state of a fit in a file, from which the same fit resumes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ssvae.backend import array_files
from ssvae.settings.deprecation import warn_deprecated
from ssvae.settings.renamed import present_names
from ssvae.training.callbacks import Arrays, Callback, History, State

# What identifies the settings, data and versions of a fit, as JSON can hold it.
Fingerprint: TypeAlias = dict[str, object]

NAME = "state.safetensors"  # of the file in the folder


class Resumed(NamedTuple):
    """What a checkpoint kept of a fit."""

    done: dict[str, Arrays]  # weights of the finished stages, by name
    state: State | None  # of the stage that was being trained
    history: History
    best: Arrays | None  # the best weights of that stage so far, where a callback has set them


class Checkpoint(Callback):
    """Keeps the state of a fit in a folder, so that the same fit resumes from it after an interruption.

    Parameters
    ----------
    folder : str or Path
        Gets one file, ``state.safetensors``, replaced whole each time. It stays when the fit is complete: the same fit
        again is then read from it.
    every : float
        Seconds between two writes.
    restart : bool
        Whether to start again: a state in the folder is not read, and the first write replaces it.
    anew : bool, optional
        The former name of `restart`.
    """

    def __init__(
        self, folder: str | Path, every: float = 10.0, restart: bool = False, anew: bool | None = None
    ) -> None:
        if anew is not None:
            if restart:
                raise ValueError("anew of Checkpoint is the old name of restart: give one")
            warn_deprecated("anew of Checkpoint", "restart")
        self.path = Path(folder) / NAME
        self.every, self.restart = every, restart if anew is None else anew

    def resume(self, fingerprint: Fingerprint) -> Resumed | None:
        """Return what `save` kept, or None where there is no file.

        Parameters
        ----------
        fingerprint : dict
            Settings, data and versions of the fit, as JSON can hold them.

        Raises
        ------
        ValueError
            If the state belongs to another fit, is damaged or cannot be read.
        """
        self._fingerprint, self._written = json.loads(json.dumps(fingerprint)), 0.0
        if self.restart or not self.path.exists():
            return None
        try:
            arrays, notes = array_files.read(self.path)
            kept = json.loads(notes["state"])
        except (KeyError, TypeError, ValueError, OSError, RecursionError) as error:
            message = f"the checkpoint {self.path} cannot be read ({error}): remove it to start again"
            raise ValueError(message) from error
        self._same_fit(kept["fingerprint"])

        def several(name: str, count: int) -> Arrays:
            return [arrays[f"{name}/{i}"] for i in range(count)]

        done = {stage: several(stage, count) for stage, count in kept["done"].items()}
        now, best = several("now", kept["count"]), several("best", kept.get("best", 0))
        return Resumed(done, State(kept["stage"], kept["epoch"], now) if now else None, kept["history"], best or None)

    def save(
        self,
        done: Mapping[str, Arrays],
        state: State | None,
        history: History,
        best: Arrays | None = None,
        force: bool = False,
    ) -> None:
        """Write the finished stages' weights, the current stage's state and best weights, and the history."""
        if not force and time.monotonic() - self._written < self.every:
            return
        now = state.arrays if state else []
        named = {**done, "now": now, "best": best or []}
        kept = {
            "fingerprint": self._fingerprint,
            "done": {stage: len(weights) for stage, weights in done.items()},
            "stage": state.stage if state else "",
            "epoch": state.epoch if state else 0,
            "count": len(now),
            "best": len(best or []),
            "history": history,
        }
        arrays = {f"{name}/{i}": array for name, arrays in named.items() for i, array in enumerate(arrays)}
        array_files.write(self.path, arrays, {"state": json.dumps(kept)})
        self._written = time.monotonic()

    def _same_fit(self, old: Mapping[str, Any]) -> None:
        old, new = present_names(old), present_names(self._fingerprint)
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                raise ValueError(
                    f"the checkpoint {self.path} was made by another fit: {key} was {old.get(key)!r} and is now "
                    f"{new.get(key)!r}; resume with what it was, or remove the checkpoint to start again"
                )
