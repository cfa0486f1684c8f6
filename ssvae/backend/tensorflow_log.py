"""TensorFlow's C++ log is kept from stderr while the library imports TensorFlow.

The first lines come before TensorFlow reads its log level, so that neither Python's stderr nor TF_CPP_MIN_LOG_LEVEL
suppresses them.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from types import FrameType
from typing import IO

from ssvae.backend.import_hooks import AroundImport

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
LINES = re.compile(
    rb"[IWE]\d{4} \d\d:|\d{4}-\d\d-\d\d [\d:.]+: [IWE] |WARNING: All log messages before absl::InitializeLog"
    rb"|To enable the following instructions: "
)
DRIVER = "/dev/nvidiactl"  # where it is, looking for GPUs would start CUDA, which does not survive a fork


def register() -> None:
    """Keep the log quiet when a module of this package imports TensorFlow, unless someone has before it."""
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, AroundImport("tensorflow", importing))


@contextmanager
def importing() -> Iterator[None]:
    """Import TensorFlow quietly, if this package asks for it and the user has chosen no log level."""
    if LEVEL in os.environ or not _asked_by_us(sys._getframe()):
        yield
        return
    os.environ[LEVEL] = "2"  # errors alone; TensorFlow reads it once
    try:
        with quiet():
            yield
            if not os.path.exists(DRIVER):  # what looks for GPUs later would log that there are none as an error
                sys.modules["tensorflow"].config.list_physical_devices()
    finally:
        del os.environ[LEVEL]  # or the processes started from here would take it for the user's choice


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile; afterwards write what is not TensorFlow's log."""
    held, stderr = _instead_of_stderr()
    try:
        yield
    finally:
        _flush()
        if stderr >= 0:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not LINES.match(line)))
        held.close()


def _instead_of_stderr() -> tuple[IO[bytes], int]:
    """Let a file take the place of file descriptor 2; return it, and a copy of what was there (-1: nothing to do)."""
    _flush()
    try:
        held, stderr = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115
    except OSError:  # no room for the file, or no stderr: not worth stopping for
        return BytesIO(), -1
    os.dup2(held.fileno(), 2)
    return held, stderr


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()


def _asked_by_us(frame: FrameType | None) -> bool:
    """Whether a module of this package is among those whose imports are being carried out."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("ssvae.") and name not in (__name__, AroundImport.__module__):
            return True
        frame = frame.f_back
    return False
