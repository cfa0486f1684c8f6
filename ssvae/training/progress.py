"""Progress of a fit, or of all that a run does: bars on a terminal, plain lines elsewhere, and one clock."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ssvae.training.callbacks import Arrays, Callback, StagePlan
from ssvae.training.clock import Clock, shown

if TYPE_CHECKING:
    import rich.progress

APART = 5.0  # seconds between two plain lines about one part


class Progress(Callback):
    """A line for each part of the work on standard error, with the time that all parts will still take.

    A stage is one part, its compilation included; the nearest neighbours are another, and `part` makes further ones.

    Parameters
    ----------
    later : Mapping of str to float, optional
        Parts that follow the fit, and how many seconds each may take.
    quiet : bool, default=False
        Whether to measure the time and show nothing.
    """

    def __init__(self, later: Mapping[str, float] | None = None, quiet: bool = False) -> None:
        self._clock, self._later = Clock(), dict(later or {})
        self._in_stage, self._doing = False, ""
        kind = _Nothing if quiet else _Bars if sys.stderr.isatty() else _Lines
        self._view: _Nothing = kind(self._clock)

    @property
    def seconds(self) -> float:
        """Seconds since the object was made."""
        return self._clock.passed

    def fit_begin(self, stages: Mapping[str, StagePlan]) -> None:
        """See `Callback.fit_begin`."""
        parts: dict[str, float] = {}
        for name, stage in stages.items():
            parts |= {**stage.before, name: stage.seconds}
        self._clock.expect(parts | self._later)
        plans = [f"{name}, {stage.epochs} epochs ({stage.engine})" for name, stage in stages.items()]
        self._view.say(f"training: {'; '.join(plans)}")

    def working(self, what: str) -> None:
        """See `Callback.working`."""
        if not what:
            self._clock.steps_begin()
        elif not self._in_stage:
            self._begin(what)
        elif what != self._doing:
            self._view.note(what)
        self._doing = what

    def worked(self, share: float) -> None:
        """See `Callback.worked`."""
        self._clock.advance(share)
        self._view.advance(share, f"{share:.0%}")

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """See `Callback.stage_begin`."""
        self._epochs, self._in_stage, self._doing = epochs, True, ""
        self._begin(stage, done / epochs, steps=True)

    def advance(self, stage: str, epochs: float) -> None:
        """See `Callback.advance`."""
        self._clock.advance(epochs / self._epochs)
        self._view.advance(epochs / self._epochs)

    def epoch_end(self, stage: str, epoch: int, logs: dict[str, float]) -> None:
        """See `Callback.epoch_end`."""
        share = (epoch + 1) / self._epochs
        if share >= self._clock.share:  # where many epochs end at once, they are told of one after another
            self._clock.advance(share)
            self._view.advance(share, f"epoch {epoch + 1} of {self._epochs}, loss {logs['loss']:.4g}")

    def stage_end(self, stage: str, weights: Arrays) -> None:
        """See `Callback.stage_end`."""
        self._in_stage = False
        self._end()

    def interrupted(self) -> None:
        """See `Callback.interrupted`: leave the terminal as it was."""
        self.close()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Show what is inside as a part of its own.

        Parameters
        ----------
        name : str
            Of the part.

        Yields
        ------
        None
        """
        self._begin(name)
        yield
        self._end()

    def fit_end(self) -> None:
        """See `Callback.fit_end`."""
        if not self._later:
            self.close()

    def close(self) -> None:
        """End the display."""
        self._view.close()

    def _end(self) -> None:
        if self._clock.now is not None:
            self._view.end()
            self._clock.end()

    def _begin(self, part: str, share: float = 0.0, steps: bool = False) -> None:
        self._end()
        self._clock.begin(part, share)
        self._view.begin(part, steps)
        self._view.advance(share)


class _Nothing:
    """What shows the parts: here nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def say(self, text: str) -> None:
        """Show a line of its own."""

    def begin(self, part: str, steps: bool) -> None:
        """Show that a part begins; `steps` says that it will tell which share of it is done."""

    def note(self, text: str) -> None:
        """Show what is done in the part, other than steps."""

    def advance(self, share: float, text: str = "") -> None:
        """Show which share of the part is done."""

    def end(self) -> None:
        """Show that the part has ended."""

    def close(self) -> None:
        """Leave the terminal as it was."""

    def _time(self) -> str:
        """Return the time that has passed, and that is left where it is known."""
        left = self._clock.left
        return shown(self._clock.passed) + ("" if left is None else f", about {shown(left)} left")


class _Lines(_Nothing):
    """Plain lines: one where a part begins, and then one now and then."""

    _said = 0.0

    def say(self, text: str) -> None:
        """See `_Nothing.say`."""
        self._said = time.monotonic()
        print(f"[{self._time()}] {text}", file=sys.stderr, flush=True)

    def begin(self, part: str, steps: bool) -> None:
        """See `_Nothing.begin`."""
        self._part = part
        if not steps:
            self.say(part)

    def note(self, text: str) -> None:
        """See `_Nothing.note`."""
        self.say(f"{self._part}: {text}")

    def advance(self, share: float, text: str = "") -> None:
        """See `_Nothing.advance`."""
        if text and (share == 1.0 or time.monotonic() - self._said > APART):
            self.note(text)


class _Bars(_Nothing):
    """A bar for each part; beside the one that is going on stands the time of all parts."""

    _bars: rich.progress.Progress | None = None

    def say(self, text: str) -> None:
        """See `_Nothing.say`."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, part: str, steps: bool) -> None:
        """See `_Nothing.begin`."""
        if self._bars is None:
            self._bars = _table()
            self._bars.start()
        self._task = self._bars.add_task(part, total=1.0 if steps else None, note="", time=self._time)

    def note(self, text: str) -> None:
        """See `_Nothing.note`."""
        self._update(note=text)

    def advance(self, share: float, text: str = "") -> None:
        """See `_Nothing.advance`."""
        self._update(completed=share, **({"note": text} if text else {}))

    def end(self) -> None:
        """See `_Nothing.end`."""
        took = shown(self._clock.of_part)
        self._update(total=1.0, completed=1.0, time=lambda: took)

    def close(self) -> None:
        """See `_Nothing.close`."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _update(self, **fields: Any) -> None:
        if self._bars is not None:
            self._bars.update(self._task, **fields)


def _table() -> rich.progress.Progress:
    """Return a table of bars, each with a note and a time, which is asked for anew at each refresh."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Time(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(task.fields["time"]())

    columns = TextColumn("{task.description}"), BarColumn(), Time(), TextColumn("{task.fields[note]}", markup=False)
    return Progress(*columns, console=Console(stderr=True))
