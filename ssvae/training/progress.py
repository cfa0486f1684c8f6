"""A progress bar for each stage, or plain lines where standard error is no terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from ssvae.training.callbacks import Arrays, Callback

if TYPE_CHECKING:
    import rich.progress


class Progress(Callback):
    """A bar for each stage with the time that is left, on standard error; plain lines where that is no terminal."""

    def __init__(self) -> None:
        self._bar: rich.progress.Progress | None = None
        self._said = 0.0

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """See `Callback.stage_begin`."""
        from rich import progress
        from rich.console import Console

        self._epochs, self._begun, self._from = epochs, time.monotonic(), done
        if sys.stderr.isatty():
            times = progress.TimeElapsedColumn(), progress.TimeRemainingColumn()
            columns = progress.TextColumn("{task.description}"), progress.BarColumn(), *times
            self._bar = progress.Progress(*columns, console=Console(stderr=True))
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

    def stage_end(self, stage: str, weights: Arrays) -> None:
        """See `Callback.stage_end`."""
        self.interrupted()

    def interrupted(self) -> None:
        """See `Callback.interrupted`: leave the terminal as it was."""
        if self._bar:
            self._bar.stop()
            self._bar = None
