"""Steps that several data sets share: read zipped bytes and lines of text, hold out the last rows."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from ssvae.readers.errors import DataError


def unzip(path: Path) -> bytes:
    """Return the bytes inside a .gz file.

    Raises
    ------
    DataError
        If the file is not a complete gzip file.
    """
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path} is empty, truncated or no gzip file ({error}); delete it and fetch it again"
        ) from error


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, zipped if its name ends in .gz.

    Raises
    ------
    DataError
        If the file is not a complete gzip file, or not text.
    """
    content = unzip(path) if path.suffix == ".gz" else path.read_bytes()
    try:
        yield from content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text ({error}); delete it and fetch it again") from error


def training_rows(rows: int, valid: int, option: str) -> int:
    """Return how many rows are trained on when the last `valid` of `rows` are validation rows.

    Raises
    ------
    DataError
        If no row would be left.
    """
    if not 0 <= valid < rows:
        raise DataError(f"{option} leaves {rows - valid} of {rows} training rows to learn from; leave 1 to {rows}")
    return rows - valid
