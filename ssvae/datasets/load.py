"""Entry point for data sets: load one by its name, or a user's own file; list and download them.

A name is looked up in the table `DATASETS`; a file is read by `ssvae.readers.read`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ssvae.datasets import DATASETS
from ssvae.datasets.base import DataFile, DatasetInfo, fetch, find_file
from ssvae.readers.errors import DataError
from ssvae.registry import unknown
from ssvae.types import Dataset

DEFAULT = "digits"  # the one that needs no network


def load_dataset(
    name: str | None = None,
    data: str | Path | None = None,
    target: str | None = None,
    folder: str | Path | None = None,
    **options: object,
) -> Dataset:
    """Return a data set by its name, or a user's own file as one.

    Parameters
    ----------
    name : str, optional
        One of ``DATASETS.names()``; default is digits.
    data : path, optional
        A user's own file or folder in place of a name; see `ssvae.readers.read.read_table`.
    target : str, optional
        With `data`: the table's column of labels.
    folder : path, optional
        With `name`: where its files may be; see `ssvae.datasets.base.fetch`.
    **options
        The options of the data set's own `load` (``pool=60000``), or of `read_table` (``test=0.1``).

    Raises
    ------
    ValueError
        If both a name and a file are given, a name or an option is unknown, or the data are missing or damaged.
    """
    if name is not None and data is not None:
        raise DataError(f"both a data set ({name!r}) and a file ({str(data)!r}) were given; give one of the two")
    if data is not None:
        from ssvae.readers.read import read_table

        reader: Callable[..., Dataset] = read_table
        _check_options(reader, options, "file", {"path", "target"})
        return reader(data, target, **options)
    if target is not None:
        raise DataError(f"target {target!r} is the column of a file; give the file, too, or leave the target out")
    loader = DATASETS.get(name or DEFAULT)
    _check_options(loader, options, name or DEFAULT, {"folder"})
    return loader(folder=folder, **options)


def about(name: str) -> DatasetInfo:
    """Return the size and the files of a data set, without reading it."""
    return sys.modules[DATASETS.get(name).__module__].INFO


def describe(folder: str | Path | None = None) -> list[dict[str, int | str]]:
    """Return one row per data set: name, rows, features, classes, and where its files are or how large they are.

    The files are looked for, not read.

    Raises
    ------
    DataError
        If `folder` is given and is not a folder.
    """
    return [_row(name, about(name), folder) for name in DATASETS.names()]


def fetch_all(name: str, folder: str | Path | None = None) -> list[Path]:
    """Download the files of a data set that are nowhere yet, verify all, and return where they are.

    Raises
    ------
    ValueError
        If the name is unknown, or a file is damaged or cannot be downloaded.
    """
    known = about(name)
    instead = [file for file in known.instead if find_file(file, folder)]
    return [fetch(file, folder) for file in instead or known.files]


def _row(name: str, known: DatasetInfo, folder: str | Path | None) -> dict[str, int | str]:
    size = {"rows": known.rows, "test_rows": known.test_rows, "features": known.features, "classes": known.classes}
    return {"name": name, **size, "where": _where(known, folder)}


def _where(known: DatasetInfo, folder: str | Path | None) -> str:
    """Return the folder of the files, or the size of those that are missing, and whether `fetch` downloads them."""
    if not known.files:
        return "inside scikit-learn"
    for files in (known.instead, known.files):
        found = [path for file in files if (path := find_file(file, folder))]
        if found and len(found) == len(files):
            return str(found[0].parent)
    missing = [file for file in known.files if find_file(file, folder) is None]
    sizes = []
    for downloadable, words in ((True, "to download"), (False, "to fetch by hand")):
        megabytes = sum(file.megabytes for file in missing if _downloadable(file) == downloadable)
        sizes += [f"{megabytes:.0f} MB {words}"] if megabytes else []
    return f"not here ({', '.join(sizes)})"


def _downloadable(file: DataFile) -> bool:
    """Say whether `fetch` would download a file: it has an address, and a checksum to verify what comes from there."""
    return bool(file.checksum and file.mirrors)


def _check_options(loader: Callable[..., Dataset], options: Mapping[str, object], name: str, fixed: set[str]) -> None:
    """Refuse an option that the loader does not have, with the nearest one that it has."""
    allowed = sorted(set(inspect.signature(loader).parameters) - fixed)
    for option in options:
        if option not in allowed:
            raise DataError(unknown(f"option of data set {name!r}", option, allowed))
