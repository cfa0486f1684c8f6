"""Computed rows that do not fit in memory, in a temporary file that goes with the process."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

import numpy as np

from ssvae.readers.errors import DataError
from ssvae.readers.npy import NpyFile
from ssvae.readers.stored_array import StoredArray


class SpilledRows(NpyFile):
    """Rows in a file without a name.

    Parameters
    ----------
    rows : iterable of ndarray [n, D]
        float32, n > 0.

    Raises
    ------
    DataError
        If the temporary folder has no room for them.
    """

    def __init__(self, rows: Iterable[np.ndarray]) -> None:
        self.file, count, columns = tempfile.TemporaryFile(buffering=0), 0, 0  # noqa: SIM115
        weakref.finalize(self, self.file.close)
        try:
            for some in rows:
                self.file.write(np.ascontiguousarray(some, np.float32).data)
                count, columns = count + len(some), some.shape[1]
        except OSError as error:
            raise DataError(
                f"no room for {columns} numbers of each row in {tempfile.gettempdir()} ({error.strerror}): make room, "
                "or set the environment variable TMPDIR to another folder"
            ) from error
        super().__init__(StoredArray(Path(tempfile.gettempdir()), 0, (count, columns), np.dtype(np.float32)))

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """See `RowFile.open`."""
        return nullcontext(self.file)
