"""The lock of a run folder: one process at a time writes to it; a process that ends, however, leaves none."""

from __future__ import annotations

import errno
import os
import socket
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self

NAME = ".lock"
TRIES = 100  # a file that its last owner removed between two calls is none to hold
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # what file systems without locks answer


class FolderLock:
    """Holds a folder for this process while a `with` block runs.

    The system's own lock (flock) on a file in the folder, so that a killed process leaves the file and no lock. A
    folder that was made for the lock is removed with it where it is still empty.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number: int | None = None  # of the open file
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        """Take the lock.

        Raises
        ------
        ValueError
            If another process holds it, or the folder is a file.
        OSError
            If the folder cannot be written to.
        """
        self.take()
        return self

    def take(self) -> None:
        """Take the lock, on the folder that has the name now; see `__enter__`."""
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder} is a file; give the name of a folder")
        for _ in range(TRIES):
            if self._try():
                return
        raise OSError(errno.ESTALE, f"{self.folder} cannot be locked, it is removed again and again")

    def _try(self) -> bool:
        missing = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._made = [*missing, *self._made]
            number = os.open(self.folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # removed by the owner before, between the two
            return False
        except OSError as error:
            raise OSError(
                error.errno,
                f"{self.folder} cannot be written ({error.strerror or error}): choose another folder",
            ) from error
        try:
            _flock(number, self.folder)
        except BaseException:
            os.close(number)
            raise
        self._release()
        self._number = number
        if not self.held:
            return False
        os.truncate(number, 0)
        os.write(number, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return True

    @property
    def held(self) -> bool:
        """Whether the folder is still the one that was locked: it may have been deleted."""
        try:
            there, own = os.stat(self.folder / NAME), os.fstat(-1 if self._number is None else self._number)
        except OSError:
            return False
        return os.path.samestat(there, own)

    def _release(self) -> None:
        if self._number is not None:
            os.close(self._number)
        self._number = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the lock back."""
        if self.held:
            (self.folder / NAME).unlink(missing_ok=True)
        self._release()
        for path in self._made:
            try:
                path.rmdir()
            except OSError:  # it holds something by now
                break


def _flock(number: int, folder: Path) -> None:
    """Lock an open file, or raise at once."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(number, 200, 0).decode(errors="replace").strip() or "another process"
        raise ValueError(
            f"{folder} is in use by another run ({owner}): wait until it has ended, or choose another folder"
        ) from error
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        warnings.warn(f"the file system of {folder} has no locks: start no other run in this folder", stacklevel=2)
