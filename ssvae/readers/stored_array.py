"""Arrays in NumPy's .npy format somewhere in a file, of which any rows can be read.

They are read and not memory-mapped: the pages of a map count as memory of the process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from ssvae.readers.errors import DataError


class StoredArray(NamedTuple):
    """The position and type of an array in a file."""

    path: Path
    offset: int  # of its first byte
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def stride(self) -> int:
        """Bytes from one entry of the first axis to the next."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    def read(self, file: IO[bytes], begin: int, end: int) -> np.ndarray:
        """Return the entries [begin, end) of the first axis."""
        found = np.empty((end - begin, *self.shape[1:]), self.dtype)
        file.seek(self.offset + begin * self.stride)
        if file.readinto(found.reshape(-1).view(np.uint8)) != found.nbytes:  # type: ignore[attr-defined]
            raise DataError(f"{self.path} ends before row {end - 1}: it is truncated")
        return found


def stored_at(path: Path, start: int = 0) -> StoredArray:
    """Return the array that begins at a byte of a file.

    Raises
    ------
    DataError
        If it is not an array of numbers in row order, or the file is shorter than the array.
    """
    with path.open("rb") as file:
        file.seek(start)
        try:
            header = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
            shape, columns_first, dtype = header(file)
        except ValueError as error:
            raise DataError(f"{path} is not a .npy file: {error}; save it with numpy.save") from error
        found = StoredArray(path, file.tell(), shape, dtype)
    if columns_first and len(shape) > 1:
        raise DataError(f"{path} was saved column by column; save numpy.ascontiguousarray(x), which is row by row")
    if dtype.hasobject:
        raise DataError(f"{path} holds objects; save numbers, x.astype('float32')")
    missing = found.offset + (shape[0] if shape else 1) * found.stride - os.path.getsize(path)
    if missing > 0:
        raise DataError(f"{path} is {missing} bytes shorter than its {list(shape)} of {dtype} need: it is truncated")
    return found
