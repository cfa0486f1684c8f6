"""Steps that several image data sets share: read compressed bytes, bytes -> [0, 1], cut off the last rows."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sized
from pathlib import Path

import numpy as np

from ssvae.readers.errors import DataError


def unzip(path: Path) -> bytes:
    """Return the bytes inside a .gz file.

    Raises
    ------
    DataError
        If the file is no whole gzip file.
    """
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path} is empty, truncated or no gzip file ({error}); delete it and fetch it again"
        ) from error


def unit(pixels: np.ndarray) -> np.ndarray:
    """Return bytes [N, ...] as float32 [N, D] in [0, 1]."""
    return np.divide(pixels.reshape(len(pixels), -1), np.float32(255.0), dtype=np.float32)


def cut(rows: int, valid: int, option: str) -> int:
    """Return how many rows are learnt from when the last `valid` of `rows` are for choosing.

    Raises
    ------
    DataError
        If no row would be left.
    """
    if not 0 <= valid < rows:
        raise DataError(f"{option} leaves {rows - valid} of {rows} training rows to learn from; leave 1 to {rows}")
    return rows - valid


def one_length(source: object, x: Sized, y: Sized) -> None:
    """Refuse rows and labels that do not belong together."""
    if len(x) != len(y):
        raise DataError(f"{source} has {len(x)} rows but {len(y)} labels; each row needs one")
