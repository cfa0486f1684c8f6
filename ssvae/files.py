"""Files written beside and renamed, so that a killed process never leaves half a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a name next to `path` to write to, and rename it to `path` if no error came.

    Parameters
    ----------
    path : path-like
        The file that is wanted; its folder is made where it is missing.

    Yields
    ------
    Path
        A name in the same folder with the same suffix (libraries choose a format by it).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        # A rename may reach the disk before the bytes do: a power cut would then leave an empty file under the name.
        with open(draft, "rb") as written:
            os.fsync(written.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes to a file, whole or not at all."""
    with beside(path) as draft:
        draft.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text to a file, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))
