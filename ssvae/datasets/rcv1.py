"""RCV1-v2 as counts of the most frequent stems: newswire stories of Reuters, 23,149 + 781,265 by date (LYRL2004 split).

Stories are given as stemmed words in scrambled order, without stop words. No checksum of these files is published, so
they are never downloaded: fetch them by hand (`ssvae datasets fetch rcv1` names the addresses). The reader is tested
on small files of the same form; it has not been run on the whole collection.

Published perplexities come from a random split of 794,414 + 10,000 stories: this split learns from far fewer.

References
----------
RCV1: a new benchmark collection for text categorization research (Lewis, Yang, Rose and Li, 2004), appendices 8 and 12
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from ssvae.datasets.base import DataFile, DatasetInfo, fetch, find_file
from ssvae.datasets.counts import count_table
from ssvae.datasets.reading import training_rows
from ssvae.readers.errors import DataError
from ssvae.readers.sparse_table import SparseTable
from ssvae.types import Dataset

NAME = "rcv1"
HOME = "http://www.ai.mit.edu/projects/jmlr/papers/volume5/lewis04a/"
TOKENS, TOPICS = (f"{HOME}a12-token-files/",), (f"{HOME}a08-topic-qrels/",)
FILES = {
    "train": DataFile(NAME, "lyrl2004_tokens_train.dat.gz", "", 5.1, TOKENS),
    "test0": DataFile(NAME, "lyrl2004_tokens_test_pt0.dat.gz", "", 44.7, TOKENS),
    "test1": DataFile(NAME, "lyrl2004_tokens_test_pt1.dat.gz", "", 45.6, TOKENS),
    "test2": DataFile(NAME, "lyrl2004_tokens_test_pt2.dat.gz", "", 44.5, TOKENS),
    "test3": DataFile(NAME, "lyrl2004_tokens_test_pt3.dat.gz", "", 42.1, TOKENS),
    "topics": DataFile(  # the checksum is scikit-learn's, of its copy
        NAME,
        "rcv1-v2.topics.qrels.gz",
        "sha256:2a98e5e5d8b770bded93afc8930d88299474317fe14181aee1466cc754d0d1c1",
        6,  # about
        ("https://ndownloader.figshare.com/files/5976048", *TOPICS),
    ),
}
CLASSES = ("CCAT", "ECAT", "GCAT", "MCAT")  # corporate, economics, government and social, markets


def _unzipped(file: DataFile) -> DataFile:
    return file._replace(name=file.name.removesuffix(".gz"), checksum="")


INFO = DatasetInfo(
    rows=23_149,
    test_rows=781_265,
    features=10_000,
    classes=len(CLASSES),
    files=tuple(FILES.values()),
    instead=tuple(_unzipped(file) for file in FILES.values()),
)
Stories = dict[int, np.ndarray]  # number of a story -> its words, int32


def load(
    folder: str | Path | None = None,
    vocabulary: int = 10_000,
    rows: int = 20_000,
    valid: int = 3000,
    test_rows: int = 10_000,
) -> Dataset:
    """Return RCV1-v2 as x [rows, vocabulary], whole numbers in float32.

    y is the story's topic of the four top ones (0 CCAT, 1 ECAT, 2 GCAT, 3 MCAT), -1 where it has none or several.
    Counts are a sparse table: all stories, which would be 32 GB, are about 0.5 GB. Training and
    validation rows that have none of the words are left out; test rows stay.

    Parameters
    ----------
    folder : path, optional
        Where the files may be, zipped (.gz) or not; see `ssvae.datasets.base.fetch`. The first part of the test files
        is enough for 199,000 test rows.
    vocabulary : int, default=10_000
        Words: the most frequent of the whole training file, the most frequent first.
    rows, valid : int, default=20_000, 3000
        The first `rows` stories of the training file are trained on, the next `valid` are validation rows; where
        there are fewer, the last `valid` are.
    test_rows : int, default=10_000
        The first stories of the test files.

    Raises
    ------
    DataError
        If a file is missing or damaged, or a number is beyond what there is.
    """
    if min(rows, test_rows) < 1:
        raise DataError(f"rows={rows}, test_rows={test_rows}: give at least 1 of each")
    index: dict[str, int] = {}
    train = {number: _learn(words, index) for number, words in _stories(_path("train", folder))}
    chosen = _most_frequent(train, index, vocabulary)
    test_parts = (story for part in range(4) for story in _stories(_path(f"test{part}", folder)))
    test = {number: _known(words, index) for number, words in islice(test_parts, test_rows)}
    train = dict(islice(train.items(), rows + valid))
    topics = _topics(_path("topics", folder), {*train, *test})
    x, y = _part(train, topics, chosen, len(index))
    x_test, y_test = _part(test, topics, chosen, len(index))
    keep = x.sum(axis=1) > 0
    x, y = x[keep], y[keep]
    pool = training_rows(len(y), valid, f"valid={valid}")
    return Dataset(
        name=NAME,
        x=x[:pool],
        y=y[:pool],
        x_valid=x[pool:] if valid else None,
        y_valid=y[pool:] if valid else None,
        x_test=x_test,
        y_test=y_test,
        feature_names=tuple(np.array(list(index))[chosen].tolist()),
    )


def _path(role: str, folder: str | Path | None) -> Path:
    """Return the verified file, unzipped where that is what there is."""
    plain = _unzipped(FILES[role])
    return fetch(plain if find_file(plain, folder) else FILES[role], folder)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines one after another: the larger files are not to be held in memory."""
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
            yield from stream
    except (EOFError, OSError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"{path} is truncated or not what its name says ({error}); fetch it again") from error


def _stories(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number and words of each story: `.I number`, `.W`, lines of words, an empty line."""
    number: int | None = None
    words: list[str] = []
    for line in _lines(path):
        mark, *rest = line.split() or [""]
        if mark == ".I" and len(rest) == 1 and rest[0].isdigit():
            if number is not None:
                yield number, words
            number, words = int(rest[0]), []
        elif number is None and mark:
            raise DataError(f"{path} does not begin with '.I number' but with {line[:40]!r}; fetch it again")
        elif mark != ".W":
            words += [mark, *rest] if mark else []
    if number is None:
        raise DataError(f"{path} holds no story; fetch it again")
    yield number, words


def _learn(words: Iterable[str], index: dict[str, int]) -> np.ndarray:
    """Return words as numbers; new words get the next ones."""
    return np.array([index.setdefault(word, len(index)) for word in words], np.int32)


def _known(words: Iterable[str], index: dict[str, int]) -> np.ndarray:
    return np.array([index[word] for word in words if word in index], np.int32)


def _most_frequent(stories: Stories, index: dict[str, int], vocabulary: int) -> np.ndarray:
    """Return the numbers of the words to count, most frequent first, equally frequent ones by the alphabet."""
    if not 1 <= vocabulary <= len(index):
        raise DataError(f"vocabulary={vocabulary} of {len(index)} words in the training file; give 1 to {len(index)}")
    totals = np.bincount(np.concatenate(list(stories.values())), minlength=len(index))
    return np.lexsort((np.array(list(index)), -totals))[:vocabulary]


def _topics(path: Path, numbers: set[int]) -> dict[int, int]:
    """Return the class of the stories that have exactly one, from lines `topic number 1`."""
    found: dict[int, int] = {}
    for line in _lines(path):
        topic, *rest = line.split() or [""]
        if topic in CLASSES and rest and rest[0].isdigit() and int(rest[0]) in numbers:
            found[int(rest[0])] = -1 if int(rest[0]) in found else CLASSES.index(topic)
    return found


def _part(stories: Stories, topics: dict[int, int], chosen: np.ndarray, known: int) -> tuple[SparseTable, np.ndarray]:
    """Return x [N, D] and y [N] of stories, counting the chosen of the known words."""
    column = np.full(known, -1)
    column[chosen] = np.arange(len(chosen))
    row = np.repeat(np.arange(len(stories)), [len(words) for words in stories.values()])
    word = column[np.concatenate([*stories.values(), np.array([], np.int32)])]
    counted = word >= 0
    x = count_table(row[counted], word[counted], np.ones(counted.sum()), (len(stories), len(chosen)))
    return x, np.array([topics.get(number, -1) for number in stories], np.int64)
