"""20 Newsgroups as counts of 2,000 words: 11,268 + 7,505 postings to 20 groups, the usual benchmark of perplexity.

The split is by date. A group has 376 to 599 training rows and 251 to 399 test rows, none of which is without a word;
half of the rows have fewer than 60. Some texts were posted again: 48 training rows repeat an earlier one, and 21 test
rows, of up to 3,333 words, equal a training row.

The files are those of NVDM's authors. A packed copy (.npz) is used where it is found: its test rows and words are
theirs; its training rows are a reconstruction from the raw postings, whose totals of all 2,000 words agree with those
in vocab.new.

References
----------
Semantic hashing (Salakhutdinov and Hinton, 2009), for the 2,000 words;
Neural variational inference for text processing (Miao, Yu and Blunsom, 2016), for the files,
https://github.com/ysmiao/nvdm
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ssvae.datasets.base import DataFile, DatasetInfo, fetch, find_file
from ssvae.datasets.counts import count_table
from ssvae.datasets.reading import read_lines, training_rows
from ssvae.readers.errors import DataError, check_lengths
from ssvae.readers.sparse_table import SparseTable
from ssvae.types import Dataset

NAME = "newsgroups"
FOLDER = "20news"  # what the files' folder is called where they come from
MIRRORS = ("https://raw.githubusercontent.com/ysmiao/nvdm/master/data/20news/",)
FILES = {
    "train": DataFile(FOLDER, "train.feat", "git-sha1:483367a189bdbd778e8ee6a0047bc6ad4f7fa569", 4.3, MIRRORS),
    "test": DataFile(FOLDER, "test.feat", "git-sha1:b3a660b3655777c28716caaa6c765b70c30647ee", 2.8, MIRRORS),
    "words": DataFile(FOLDER, "vocab.new", "git-sha1:9caa7fa1941f1e009d04ae60fdb1438f903816f2", 0.1, MIRRORS),
    "packed": DataFile(
        FOLDER,
        "20news_nvdm2000.npz",
        "sha256:419d649ddab9f9e7ff0d2d95ec2bf5af3b16d0e72a25f3b80eb4e106d29e81d0",
        1.8,
    ),
}
INFO = DatasetInfo(
    rows=11_268,
    test_rows=7505,
    features=2000,
    classes=20,
    files=tuple(FILES[role] for role in ("train", "test", "words")),
    instead=(FILES["packed"],),
)
Part = tuple[SparseTable, np.ndarray]  # x [N, 2000], y [N]


def load(folder: str | Path | None = None, valid: int = 500) -> Dataset:
    """Return 20 Newsgroups as x [10768, 2000], whole numbers in float32; y is 0 ... 19, the groups by name.

    Training rows without a word are left out (there are none in the packed file); all test rows stay. The files sort
    rows by group: rows come in one fixed shuffled order, of which the first `valid` training rows are validation rows.

    Parameters
    ----------
    folder : path, optional
        Where the files may be, in a folder "20news"; see `ssvae.datasets.base.fetch`.
    valid : int, default=500
        Validation rows, drawn from the training rows with seed 0.

    Raises
    ------
    DataError
        If a file is missing or damaged, or `valid` leaves no rows.
    """
    packed = find_file(FILES["packed"], folder) is not None
    words, train, test = _read_packed(fetch(FILES["packed"], folder)) if packed else _read_text(folder)
    (x, y), (x_test, y_test) = _shuffled(*train, drop_empty=True), _shuffled(*test)
    training_rows(len(y), valid, f"valid={valid}")
    return Dataset(
        name=NAME,
        x=x[valid:],
        y=y[valid:],
        x_valid=x[:valid] if valid else None,
        y_valid=y[:valid] if valid else None,
        x_test=x_test,
        y_test=y_test,
        feature_names=words,
    )


def _shuffled(x: SparseTable, y: np.ndarray, drop_empty: bool = False) -> Part:
    keep = np.flatnonzero(x.sum(axis=1) > 0) if drop_empty else np.arange(len(y))
    order = keep[np.random.default_rng(0).permutation(len(keep))]
    return x[order], y[order]


def _read_packed(path: Path) -> tuple[tuple[str, ...], Part, Part]:
    """Return the words and both parts from sparse rows (data, indices, indptr)."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            words = tuple(str(word) for word in arrays["vocab"])
            parts = []
            for part in ("train", "test"):
                starts = arrays[f"{part}_indptr"]
                row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
                entries = (row, arrays[f"{part}_indices"], arrays[f"{part}_data"])
                x, y = (
                    count_table(*entries, (len(starts) - 1, len(words))),
                    arrays[f"{part}_labels"].astype(np.int64) - 1,
                )
                check_lengths(f"{path} ({part})", x, y)
                parts.append((x, y))
    except (KeyError, IndexError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} does not hold the packed counts and labels ({error}); fetch it again") from error
    return words, parts[0], parts[1]


def _read_text(folder: str | Path | None) -> tuple[tuple[str, ...], Part, Part]:
    """Return the words and both parts from the authors' text files."""
    path = fetch(FILES["words"], folder)
    words = tuple(line.split()[0] for line in read_lines(path) if line.strip())
    if not words:
        raise DataError(f"{path} does not hold one word a line; delete it and fetch it again")
    train, test = (_read_part(fetch(FILES[part], folder), len(words)) for part in ("train", "test"))
    return words, train, test


def _read_part(path: Path, words: int) -> Part:
    """Return x and y of lines `group word:count word:count ...`, groups and words numbered from 1."""
    y: list[int] = []
    row, word, count = [], [], []
    lines = [line for line in read_lines(path) if line.strip()]
    try:
        for line in lines:
            group, *entries = line.split()
            for entry in entries:
                number, times = entry.split(":")
                row.append(len(y))
                word.append(int(number) - 1)
                count.append(int(times))
            y.append(int(group) - 1)
        if not word or not 0 <= min(word) <= max(word) < words or not 0 <= min(y) <= max(y) < INFO.classes:
            raise ValueError(f"a word beyond 1 ... {words}, a group beyond 1 ... {INFO.classes}, or nothing at all")
    except ValueError as error:
        raise DataError(f"{path} does not hold lines of a group and word:count ({error}); fetch it again") from error
    return count_table(np.array(row), np.array(word), np.array(count), (len(y), words)), np.array(y, np.int64)
