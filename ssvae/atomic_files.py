"""Atomic writes of files and folders: a killed process or a power cut never leaves a partly written one."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = re.compile(r"\..+\.draft-\w+(\.\w+)?")  # names of drafts, which a killed process leaves behind


@contextmanager
def beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a name next to `path` to write to, and rename it to `path` if there was no error.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is made where it is missing.

    Yields
    ------
    Path
        A name in the same folder with the same suffix (libraries choose a format by it).

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written to; an existing file is unchanged.
    """
    path = Path(path)
    draft = path.with_name(f".{path.stem}.draft-{os.getpid()}{path.suffix}")
    with _refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            # A rename may reach the disk before the bytes do: a power cut would then leave an empty file.
            sync(draft)
            os.replace(draft, path)
            sync(path.parent)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def folder_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a new folder next to `path` to fill, and replace `path` by it if there was no error.

    A folder cannot be renamed over one that has files: the old one is renamed first, and `whole` finds it.

    Raises
    ------
    OSError
        See `beside`.
    """
    path = Path(path)
    with _refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.draft-", dir=path.parent))
        try:
            draft.chmod(0o755)
            yield draft
            for file in (*draft.iterdir(), draft):
                sync(file)
            if path.exists():
                shutil.rmtree(_aside(path), ignore_errors=True)
                os.replace(path, _aside(path))
            os.replace(draft, path)
            sync(path.parent)
            shutil.rmtree(_aside(path), ignore_errors=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def whole(path: str | os.PathLike[str]) -> Path:
    """Return `path`, or where its last state is if a process was killed while `folder_beside` replaced it."""
    path = Path(path)
    return _aside(path) if not path.exists() and _aside(path).is_dir() else path


def drafts(folder: Path) -> list[Path]:
    """Return the drafts that killed processes have left in a folder; none where there is no folder."""
    return [path for path in folder.iterdir() if DRAFT.fullmatch(path.name)] if folder.is_dir() else []


def sync(path: str | os.PathLike[str]) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if os.path.isdir(path) and sys.platform == "win32":  # Windows does not open folders
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes to a file, completely or not at all."""
    with beside(path) as draft:
        draft.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text to a file, completely or not at all."""
    write_bytes(path, text.encode("utf-8"))


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.before")


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Add to an error which path could not be written, that nothing is lost, and what to do."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path} cannot be written ({error.strerror or error}); what was there before is unchanged: make room on "
            "the disk, or choose a folder that may be written to, and try again",
        ) from error
