"""The clock of several parts of work, one after another: the time that has passed, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Clock:
    """One clock for all parts.

    What is left of the part that is going on follows from the speed of its steps, without the compilation before them;
    what the parts that follow take is what is expected of them, times how much longer than expected the parts before
    took. Times are seconds.

    Attributes
    ----------
    now : str or None
        The part that is going on.
    share : float
        Of it that is done.
    """

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._ahead: dict[str, float] = {}  # parts that have not begun, and the seconds expected of each
        self._took = self._expected = 0.0  # of the parts that have ended, where something was expected
        self.now: str | None = None
        self.share = 0.0
        self._seconds = 0.0  # expected of the part that is going on
        self._part_begun, self._known = self.begun, False

    def expect(self, parts: Mapping[str, float]) -> None:
        """Say which parts follow, and how many seconds each will take, as far as that is known."""
        self._ahead, self._known = dict(parts), True

    def begin(self, part: str, share: float = 0.0) -> None:
        """Begin a part, of which a share is done already."""
        self._seconds = self._ahead.pop(part, 0.0) * (1.0 - share)
        self.now, self._part_begun = part, time.monotonic()
        self.share = share
        self.steps_begin()

    def steps_begin(self) -> None:
        """Measure the speed from here on: what came before was no step."""
        self._from, self._from_time = self.share, time.monotonic()

    def advance(self, share: float) -> None:
        """Say which share of the part is done."""
        self.share = share

    def end(self) -> None:
        """End the part that is going on."""
        if self.now is not None and self._seconds > 0.0:
            self._took += self.of_part
            self._expected += self._seconds
        self.now = None

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begun

    @property
    def of_part(self) -> float:
        """Seconds since the part that is going on began."""
        return time.monotonic() - self._part_begun

    @property
    def left(self) -> float | None:
        """Seconds that all parts will take from now on, None before anything is known of them."""
        if not (self._known or self._moved):
            return None
        slower, rest = self._slower(), 0.0
        if self.now is not None:
            rest = self._rest() if self._moved else max(self._seconds * slower - self.of_part, 0.0)
        return rest + slower * sum(self._ahead.values())

    @property
    def _moved(self) -> bool:
        """Whether the speed of the part that is going on is known."""
        return self.now is not None and self.share > self._from

    def _rest(self) -> float:
        """Return the seconds that are left of this part by the speed of its steps."""
        return (time.monotonic() - self._from_time) / (self.share - self._from) * (1.0 - self.share)

    def _slower(self) -> float:
        """Return the time that parts took, this one included once its speed is known, of the time expected."""
        took, expected = self._took, self._expected
        if self._moved and self._seconds > 0.0:
            took, expected = took + self.of_part + self._rest(), expected + self._seconds
        return took / expected if expected else 1.0


def shown(seconds: float) -> str:
    """Return seconds as minutes and seconds, or hours, minutes and seconds.

    >>> shown(7.6), shown(3725)
    ('0:08', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
