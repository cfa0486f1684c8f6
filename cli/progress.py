"""Progress of long commands, as lines on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

SECONDS = 5.0  # between two lines; a shorter command prints none


def to_stderr(task: str) -> Callable[[int, int], None]:
    """Return a function of (rows done, rows in all) that prints now and then how long the rest will take.

    The estimate uses the time since the first call, because what was done before may have been other work.
    """
    begun: tuple[float, int] | None = None
    last = 0.0

    def report(done: int, rows: int) -> None:
        nonlocal begun, last
        now = time.monotonic()
        if begun is None:
            begun, last = (now, done), now
        elif done < rows and now - last > SECONDS:
            last = now
            left = (now - begun[0]) / max(done - begun[1], 1) * (rows - done)
            click.echo(f"{task}: {done} of {rows} rows, about {left:.0f} s left", err=True)

    return report
