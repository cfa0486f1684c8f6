"""The contract of data sets, and how their files are found, downloaded and verified.

The contract. A data set is one module with

- ``load(folder=None, **its own options) -> Dataset``: x is float32 [N, D], finite, images in [0, 1], word counts whole
  numbers with the words as feature names; y is int64 [N], classes 0 ... K-1 with -1 for rows without a label; the same
  call gives the same arrays, row for row; validation and test rows are apart;
- ``INFO``, a `DatasetInfo`: its size and its files, so that listing the data sets reads no file;

and one line in ``ssvae/datasets/__init__.py``. Files come from `fetch`, which looks in this order: the folder that is
given, or else the environment variable ``SSVAE_DATA_DIR`` (as ``FOLDER/<dataset>/<file>``, then ``FOLDER/<file>``); the
cache; the addresses of the file. Whatever is found has its checksum verified before it is read, if one is known.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ssvae.readers.errors import DataError

SLACK = 2  # times the known size is taken for the file's own


class DataFile(NamedTuple):
    """One file of a data set: its name, how to check it and where it can be downloaded."""

    dataset: str
    name: str
    checksum: str  # "md5:...", "sha256:..." or "git-sha1:..."; "" where none is published: then it is never downloaded
    megabytes: float  # size of the download, 10^6 bytes
    mirrors: tuple[
        str, ...
    ] = ()  # addresses, tried in order: of the folder that holds the file, ending in /, or its own

    @property
    def addresses(self) -> list[str]:
        """Return the full addresses of the file."""
        return [mirror + self.name if mirror.endswith("/") else mirror for mirror in self.mirrors]

    @property
    def most_bytes(self) -> int:
        """Return how many bytes a download may have: more than the file's, whose size is known roughly."""
        return int(SLACK * self.megabytes * 1e6) + 1_000_000


class DatasetInfo(NamedTuple):
    """Size and files of a data set."""

    rows: int  # training and validation rows
    test_rows: int
    features: int
    classes: int
    files: tuple[DataFile, ...] = ()
    instead: tuple[DataFile, ...] = ()  # other files that hold the same data


def cache_folder(dataset: str) -> Path:
    """Return the folder where downloads of a data set are kept."""
    import pooch

    return Path(pooch.os_cache("ssvae")) / dataset


def find_file(file: DataFile, folder: str | Path | None = None) -> Path | None:
    """Return the first path at which the file exists, or None; its checksum is not verified, see `fetch`.

    Raises
    ------
    DataError
        If `folder` is given and there is no such folder.
    """
    return next((path for path in _candidates(file, folder) if path.is_file()), None)


def fetch(file: DataFile, folder: str | Path | None = None) -> Path:
    """Return the path of a verified file, downloaded if it is nowhere.

    Parameters
    ----------
    file : DataFile
        The file.
    folder : path, optional
        Looked in first; default is the environment variable ``SSVAE_DATA_DIR``.

    Raises
    ------
    DataError
        If the file found there is not the expected one, or the file is nowhere and cannot be downloaded.
    """
    cache = cache_folder(file.dataset) / file.name
    path = find_file(file, folder)
    if path is None or (path == cache and not verified(path, file.checksum)):
        return _download(file)  # a damaged file in the cache may be replaced, one in the user's folder may not
    if not verified(path, file.checksum):
        raise DataError(
            f"{path} is damaged or is another file: {_sum_name(file.checksum)} is {checksum(path, file.checksum)}, "
            f"expected {file.checksum.partition(':')[2]}; delete it (it is then downloaded), or put the right file at "
            f"{path.parent if path.parent.name == file.dataset else path.parent / file.dataset}/{file.name}"
        )
    return path


def checksum(path: Path, like: str) -> str:
    """Return a file's checksum in hexadecimal, of the same kind ("md5", "sha256", "git-sha1") as `like`.

    "git-sha1" is the name of the file's content in a git repository, often the only checksum that is published there.
    """
    with path.open("rb") as stream:
        if _sum_name(like) != "git-sha1":
            return hashlib.file_digest(stream, _sum_name(like)).hexdigest()
        content = stream.read()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def verified(path: Path, expected: str) -> bool:
    """Return whether the file has the expected checksum; without one, any file is taken for the right one."""
    return not expected or checksum(path, expected) == expected.partition(":")[2]


def _sum_name(expected: str) -> str:
    return expected.partition(":")[0]


def _candidates(file: DataFile, folder: str | Path | None) -> Iterator[Path]:
    """Yield the paths that are looked at, in order."""
    if folder is not None and not Path(folder).is_dir():
        raise DataError(f"data folder {str(folder)!r} is not a folder; give one that exists, or leave it out")
    given = folder if folder is not None else os.environ.get("SSVAE_DATA_DIR")
    if given:
        yield Path(given) / file.dataset / file.name
        yield Path(given) / file.name
    yield cache_folder(file.dataset) / file.name


def _download(file: DataFile) -> Path:
    """Download into the cache from the first mirror that gives the right bytes."""
    failures = []
    for address in file.addresses if file.checksum else []:
        try:
            return _retrieve(address, file)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is a ValueError
            failures.append(f"  {address}: {_reason(error)}")
    raise DataError(_by_hand(file, failures))


def _retrieve(address: str, file: DataFile) -> Path:
    """Download to a temporary name, verify, rename: a file under its own name is complete and verified.

    pooch's own `retrieve` does not know the checksums of git.
    """
    import pooch

    path = cache_folder(file.dataset) / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().info("Downloading %s (%.1f MB) to %s", address, file.megabytes, path)
    seconds = (10, 60)  # to connect, and between two bytes
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / file.name
        with part.open("wb") as stream:
            pooch.HTTPDownloader(timeout=seconds)(address, _Limited(stream, file.most_bytes), None)
        if not verified(part, file.checksum):
            raise ValueError(
                f"corrupt download, its {_sum_name(file.checksum)} is {checksum(part, file.checksum)}, not the "
                f"expected {file.checksum.partition(':')[2]}"
            )
        part.replace(path)
    return path


class _Limited:
    """A file that refuses to grow beyond a size, as pooch writes to it."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self.stream, self.left, self.most = stream, most, most

    def write(self, data: bytes) -> None:
        """Write bytes, or raise ValueError before there are too many."""
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(
                f"stopped after {self.most / 1e6:.1f} MB: the file is not as large as what comes from there"
            )
        self.stream.write(data)

    def flush(self) -> None:
        """See `io.IOBase.flush`."""
        self.stream.flush()


def _reason(error: Exception) -> str:
    """Say in one line why a download failed."""
    text = " ".join(str(error).split())
    if "Caused by" in text:  # no connection: the last clause is the system's own reason, the rest is the call stack
        text = text.rpartition(": ")[2].rstrip("\")'")
    return f"{type(error).__name__}: {text[:200]}"


def _by_hand(file: DataFile, failures: list[str]) -> str:
    """Say which file is missing, where it is and where to put it."""
    tried = "\n".join(["it could not be downloaded:", *failures]) if failures else "it has no address to download from"
    known = f"Its {_sum_name(file.checksum)} is {file.checksum.partition(':')[2]}."
    if not file.checksum:
        tried = f"it is not downloaded, for no checksum of it is published; its addresses are {file.addresses}"
        known = "It is read as it is, unverified."
    return (
        f"{file.name} of data set {file.dataset!r} is not on this machine, and {tried}\n"
        f"Fetch it on a machine with a network and put it at {cache_folder(file.dataset) / file.name}, or at "
        f"FOLDER/{file.dataset}/{file.name} with --data-dir FOLDER (or SSVAE_DATA_DIR=FOLDER). {known}"
    )
