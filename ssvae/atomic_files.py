"""Atomic writes of files and folders: a killed process or a power cut never leaves a partly written one."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = re.compile(r"\..+\.draft-(\w+)(\.\w+)?")  # names of drafts, which a killed process leaves behind
DAY = 86400.0  # seconds after which the draft of a process that is not known to live is taken for left behind


PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg")


def check_output(
    path: str | os.PathLike[str], source: str | os.PathLike[str] | None = None, suffixes: tuple[str, ...] = ()
) -> None:
    """Check that a file of this name can be written, has one of the suffixes, and is not the one that is read.

    Raises
    ------
    ValueError
        If it is a folder or the source, or has another suffix.
    """
    if suffixes and not str(path).lower().endswith(suffixes):
        raise ValueError(f"{path} has none of the suffixes {', '.join(suffixes)}: name a file that has")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder: name a file to write")
    if source is not None and os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
        raise ValueError(f"{path} is the file that is read: name another one to write")


@contextmanager
def beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a name next to `path` to write to, and rename it to `path` if there was no error.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is made where it is missing. Of a symbolic link, the file that it leads to.

    Yields
    ------
    Path
        A name in the same folder with the same suffix (libraries choose a format by it).

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written to; an existing file is unchanged.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        yield Path(path)  # a device or a pipe, which nothing may take the place of
        return
    path = _place(path)
    draft = path.with_name(f".{path.stem}.draft-{_owner()}{path.suffix}")
    with _refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clean(path.parent, f".{path.stem}.draft-")
        try:
            yield draft
            # A rename may reach the disk before the bytes do: a power cut would then leave an empty file.
            sync(draft)
            os.replace(draft, path)
            sync(path.parent)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def folder_beside(path: str | os.PathLike[str], last: str = "") -> Iterator[Path]:
    """Give a new folder next to `path` to fill, and replace `path` by it if there was no error.

    A folder cannot be renamed over one that has files: the old one is renamed first, and `whole` finds it. Of a
    symbolic link, the folder that it leads to is replaced. The current folder is filled where it is, the file `last`
    after all others.

    Raises
    ------
    OSError
        See `beside`; or if `path` is the current folder, and not empty.
    """
    path = _place(path)
    if path.is_dir() and os.path.samefile(path, os.curdir):  # whoever stands in a folder would be left in a removed one
        with _in_place(path, last) as draft:
            yield draft
        return
    with _refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clean(path.parent, f".{path.name}.draft-")
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.draft-{_owner()}_", dir=path.parent))
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


@contextmanager
def _in_place(folder: Path, last: str) -> Iterator[Path]:
    """Give a new folder to fill, and move its files to an empty folder, one of them after all others."""
    with _refused(folder):
        _clean(folder, f".{folder.name}.draft-")
        if any(folder.iterdir()):
            raise OSError(
                errno.ENOTEMPTY, "it is the current folder, which cannot be replaced whole: change to another folder"
            )
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.draft-{_owner()}_", dir=folder))
        try:
            yield draft
            for file in sorted(draft.iterdir(), key=lambda file: file.name == last):
                sync(file)
                os.replace(file, folder / file.name)
            sync(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def whole(path: str | os.PathLike[str]) -> Path:
    """Return `path`, or where its last state is if a process was killed while `folder_beside` replaced it."""
    path = _place(path) if os.path.islink(path) else Path(path)
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
    """Write UTF-8 text to a file, completely or not at all; names of files that are not text as JSON escapes them."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def _place(path: str | os.PathLike[str]) -> Path:
    """Return where a path leads to, by its full name: "." has none, and a symbolic link stays a link."""
    return Path(os.path.realpath(path))


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.before")


def _owner() -> str:
    """Return this process as the names of drafts hold it: the machine and the number of the process there."""
    return f"{_machine()}_{os.getpid()}"


def _machine() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _clean(folder: Path, beginning: str) -> None:
    """Remove the drafts of this beginning that were left by processes that no longer live."""
    for path in folder.iterdir():
        match = DRAFT.fullmatch(path.name) if path.name.startswith(beginning) else None
        if match and _left(path, match[1]):
            remove(path)


def _left(path: Path, owner: str) -> bool:
    """Whether the process that wrote a draft has ended; where that cannot be known, whether the draft is a day old."""
    machine, _, number = owner.partition("_")
    number = number.partition("_")[0]
    try:
        if machine == _machine() and number.isdigit():
            os.kill(int(number), 0)  # sends nothing
            return False
        return time.time() - path.stat().st_mtime > DAY
    except (ProcessLookupError, FileNotFoundError):
        return True
    except (OSError, OverflowError):
        return False


def remove(path: Path) -> None:
    """Remove a folder or a file, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
