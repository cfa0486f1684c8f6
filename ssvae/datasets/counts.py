"""Steps that the data sets of word counts share: read text, make a table of counts, count words of documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ssvae.readers.errors import DataError
from ssvae.readers.pixels import unzip
from ssvae.readers.sparse_table import Table


def table(row: np.ndarray, word: np.ndarray, count: np.ndarray, shape: tuple[int, int]) -> Table:
    """Return counts as a sparse table [N, D].

    Parameters
    ----------
    row, word, count : ndarray of shape [entries]
        How often a word stands in a row; entries of the same place are added.
    shape : tuple
        (N, D)
    """
    from scipy.sparse import coo_array

    return Table(coo_array((count, (row, word)), shape))


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, zipped if its name ends in .gz.

    Raises
    ------
    DataError
        If the file is no whole gzip file, or no text.
    """
    content = unzip(path) if path.suffix == ".gz" else path.read_bytes()
    try:
        yield from content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text ({error}); delete it and fetch it again") from error
