"""Ctrl-C that is answered between two steps, and never lost.

Python raises KeyboardInterrupt wherever it happens to be; inside a call from C code that ignores errors, as TensorFlow
and NumPy make them, it would vanish.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back, and yield a function that raises KeyboardInterrupt if there was one; a second is not held.

    Elsewhere than in the main thread, and where someone else answers Ctrl-C, nothing is changed.
    """
    asked = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    def answer() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield answer
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield answer
        answer()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
