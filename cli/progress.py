"""How far a long command has come, as lines on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

SECONDS = 5.0  # between two lines; a command that is quicker says nothing


def to_stderr(words: str) -> Callable[[int, int], None]:
    """Return a function of (rows done, rows in all) that says now and then how long it will still take.

    The time is that since the first of these calls: what went before may have been other work.
    """
    begun: tuple[float, int] | None = None
    said = 0.0

    def tell(done: int, rows: int) -> None:
        nonlocal begun, said
        now = time.monotonic()
        if begun is None:
            begun, said = (now, done), now
        elif done < rows and now - said > SECONDS:
            said = now
            left = (now - begun[0]) / max(done - begun[1], 1) * (rows - done)
            click.echo(f"{words}: {done} of {rows} rows, about {left:.0f} s left", err=True)

    return tell
