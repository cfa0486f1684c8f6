""".npy files, and arrays that are memory-mapped from one."""

from __future__ import annotations

import mmap
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import numpy as np

from ssvae.readers.row_file import RowFile
from ssvae.readers.stored_array import StoredArray, stored_at


class NpyFile(RowFile[IO[bytes]]):
    """Rows of an array in a file.

    Parameters
    ----------
    array : StoredArray
        [N, D], or images.
    """

    def __init__(self, array: StoredArray) -> None:
        super().__init__(str(array.path), array.shape, array.dtype)
        self.array = array

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """See `RowFile.open`."""
        return self.array.path.open("rb", buffering=0)

    def read(self, file: IO[bytes], begin: int, end: int) -> np.ndarray:
        """See `RowFile.read`."""
        return self.array.read(file, begin, end)


def open_file(path: Path, target: str | None = None) -> NpyFile:
    """Return the rows of a .npy file."""
    return NpyFile(stored_at(path))


def of_map(x: np.memmap) -> NpyFile | None:
    """Return the rows of a memory-mapped array [N, D], or None where they are not contiguous in its file."""
    if x.filename is None or x.ndim != 2 or not x.size or x.dtype.kind not in "biuf" or not x.flags.c_contiguous:
        return None
    # A slice has the offset of the whole array: its own follows from the address of its first byte in the map.
    begin = np.frombuffer(x._mmap, np.uint8).ctypes.data  # type: ignore[attr-defined]
    offset = x.offset - x.offset % mmap.ALLOCATIONGRANULARITY + x.ctypes.data - begin
    return NpyFile(StoredArray(Path(x.filename), offset, x.shape, x.dtype))
