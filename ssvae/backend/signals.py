"""Signals: Ctrl-C and SIGTERM are answered between two training steps, and never lost.

Python raises KeyboardInterrupt wherever it happens to be; inside a call from C code that ignores errors, as TensorFlow
and NumPy make them, it would vanish.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM, in a process that answers it as it does Ctrl-C."""


def terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Answer SIGTERM."""
    raise Terminated


ANSWERS: dict[int, Callable[[int, FrameType | None], NoReturn]] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: terminate,
}


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` meanwhile: for commands, which own their process, and not for a library's calls.

    Elsewhere than in the main thread, and where someone else answers SIGTERM, nothing is changed.
    """
    ours = _main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def held() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C (and in `terminable` SIGTERM) back, and yield a function that raises if there was one.

    A second one is not held, and in `terminable` ends the process at once, in the middle of a compiled step too.
    Elsewhere than in the main thread, and where someone else answers, nothing is changed.
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            answer()
        if signal.SIGTERM in ours:  # Python's handlers would wait for the end of a call from C
            for each in ours:
                signal.signal(each, signal.SIG_DFL)

    def answer() -> None:
        if asked:
            ANSWERS[asked[0]](asked[0], None)

    ours = [number for number, own in ANSWERS.items() if _main_thread() and signal.getsignal(number) is own]
    for number in ours:
        signal.signal(number, note)
    try:
        yield answer
        answer()
    finally:
        for number in ours:
            signal.signal(number, ANSWERS[number])


def exit_code(error: BaseException | None) -> int:
    """Return 128 and the number of the signal that an interruption came from, as shells do: 130 or 143."""
    while error is not None:
        if isinstance(error, Terminated):
            return 128 + signal.SIGTERM
        error = error.__cause__
    return 128 + signal.SIGINT


def _main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
