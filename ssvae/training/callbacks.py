"""Who is told what during a fit: checkpoints, the progress bar, Keras callbacks."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from ssvae.atomic_files import write_bytes
from ssvae.settings.renamed import present_names

if TYPE_CHECKING:
    import keras


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a fit, after the state has been handed to the checkpoint."""


class State(NamedTuple):
    """Where a stage stands at the end of an epoch."""

    stage: str
    epoch: int  # epochs that are done
    arrays: list[np.ndarray]  # weights, then optimizer variables


class View(NamedTuple):
    """A stage after an epoch, with the weights of that moment."""

    stage: str
    model: Any  # the model that the stage trains
    objective: Any  # `ssvae.objective.Objective`
    epochs: int  # of the stage in all
    epoch: int  # those that are done
    history: dict[str, list[Any]]  # of the fit so far, as in `SSVAEClassifier.history_`


class Verdict(NamedTuple):
    """What a callback makes of a `View`."""

    numbers: Mapping[str, float] = MappingProxyType({})  # for the epoch's line of the history
    best: bool = False  # these weights are what the stage shall end with, unless later ones are better
    stop: bool = False  # the stage ends here


class Callback:
    """What a fit tells; override what you need. `keras.callbacks.Callback`s are taken as well."""

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """Stage `stage` begins; `done` of its epochs were run by an earlier, interrupted fit."""

    def advance(self, stage: str, epochs: float) -> None:
        """`epochs` (with a fraction) of the stage are done."""

    def epoch_end(self, stage: str, epoch: int, logs: dict[str, float]) -> None:
        """Epoch number `epoch` (from 0) ended with these mean losses."""

    def watch(self, view: View) -> Verdict:
        """Judge the weights where a stage begins, or goes on, and after each epoch.

        Where a callback overrides this, the compiled loop takes one epoch a call and hands its weights out.
        """
        return Verdict()

    def stage_end(self, stage: str, weights: list[np.ndarray]) -> None:
        """Stage `stage` is trained."""

    def interrupted(self) -> None:
        """Ctrl-C: the fit ends here."""


# What a fit takes.
AnyCallback: TypeAlias = "Callback | keras.callbacks.Callback"
# What identifies the settings, data and versions of a fit, as JSON can hold it.
Fingerprint: TypeAlias = dict[str, object]


class Checkpoint(Callback):
    """Keeps a fit's state in a folder, so that the same fit goes on from there after an interruption.

    Parameters
    ----------
    folder : str or Path
        Gets one file, ``state.safetensors``, replaced whole each time. It stays when the fit is complete: the same fit
        again is then read from it.
    every : float
        Seconds between two writes.
    anew : bool
        Whether what another fit left in the folder is left alone, unread, until the first write replaces it.
    """

    def __init__(self, folder: str | Path, every: float = 10.0, anew: bool = False) -> None:
        self.path = Path(folder) / "state.safetensors"
        self.every, self.anew = every, anew

    def resume(self, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what `save` kept, or None where nothing is.

        Parameters
        ----------
        fingerprint : Mapping
            Settings, data and versions of the fit, as JSON can hold them.

        Raises
        ------
        ValueError
            If the state belongs to another fit, is damaged or cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        self._fingerprint, self._written = json.loads(json.dumps(fingerprint)), 0.0
        if self.anew or not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="np") as file:
                text, digest = (file.metadata()[name] for name in ("state", "sha256"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            kept = json.loads(text)
            if _digest(text, arrays) != digest:
                raise ValueError("it is not as it was written")
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise ValueError(f"the checkpoint {self.path} cannot be read ({error}): remove it to start anew") from error
        self._same_fit(kept["fingerprint"])
        done = {stage: [arrays[f"{stage}/{i}"] for i in range(count)] for stage, count in kept["done"].items()}
        now = [arrays[f"now/{i}"] for i in range(kept["count"])]
        state = State(kept["stage"], kept["epoch"], now) if now else None
        best = [arrays[f"best/{i}"] for i in range(kept.get("best", 0))] or None
        return {"done": done, "state": state, "history": kept["history"], "best": best}

    def save(
        self,
        done: dict[str, list[np.ndarray]],
        state: State | None,
        history: Any,
        best: list[np.ndarray] | None = None,
        force: bool = False,
    ) -> None:
        """Write the finished stages' weights, the current stage's state and best weights, and the history."""
        from safetensors.numpy import save

        if not force and time.monotonic() - self._written < self.every:
            return
        arrays = {f"{stage}/{i}": weight for stage, weights in done.items() for i, weight in enumerate(weights)}
        now = state.arrays if state else []
        for name, several in (("now", now), ("best", best or [])):
            arrays |= {f"{name}/{i}": np.asarray(array, order="C") for i, array in enumerate(several)}
        kept = {
            "fingerprint": self._fingerprint,
            "done": {stage: len(weights) for stage, weights in done.items()},
            "stage": state.stage if state else "",
            "epoch": state.epoch if state else 0,
            "count": len(now),
            "best": len(best or []),
            "history": history,
        }
        text = json.dumps(kept)
        write_bytes(self.path, save(arrays, metadata={"state": text, "sha256": _digest(text, arrays)}))
        self._written = time.monotonic()

    def _same_fit(self, old: Mapping[str, Any]) -> None:
        old, new = present_names(old), present_names(self._fingerprint)
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                raise ValueError(
                    f"the checkpoint {self.path} was made by another fit: {key} was {old.get(key)!r} and is now "
                    f"{new.get(key)!r}; go on with what it was, or remove the checkpoint to start anew"
                )


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """Return the sha256 of a state; safetensors has no checksum of its own."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class Progress(Callback):
    """A bar for each stage with the time that is left, on standard error; plain lines where that is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._said = 0.0

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """See `Callback.stage_begin`."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._epochs, self._begun, self._from = epochs, time.monotonic(), done
        if sys.stderr.isatty():
            columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()]
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(stage, total=epochs, completed=done)

    def advance(self, stage: str, epochs: float) -> None:
        """See `Callback.advance`."""
        if self._bar:
            self._bar.update(self._task, completed=epochs)

    def epoch_end(self, stage: str, epoch: int, logs: dict[str, float]) -> None:
        """See `Callback.epoch_end`."""
        text = f"{stage} epoch {epoch + 1}/{self._epochs}, loss {logs['loss']:.4g}"
        if self._bar:
            self._bar.update(self._task, completed=epoch + 1, description=text)
        elif epoch + 1 == self._epochs or time.monotonic() - self._said > 5.0:
            self._said = time.monotonic()
            passed = epoch + 1 - self._from
            left = (self._said - self._begun) / passed * (self._epochs - epoch - 1)
            print(f"{text}, about {left:.0f} s left in this stage", file=sys.stderr, flush=True)

    def stage_end(self, stage: str, weights: list[np.ndarray]) -> None:
        """See `Callback.stage_end`."""
        self.interrupted()

    def interrupted(self) -> None:
        """See `Callback.interrupted`: leave the terminal as it was."""
        if self._bar:
            self._bar.stop()
            self._bar = None
