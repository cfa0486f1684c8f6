"""A user's table (.csv, .tsv, .parquet) as a data set, and a second one of rows without a label below it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssvae.readers.errors import DataError
from ssvae.readers.label_columns import as_labels
from ssvae.readers.tables import column_kinds, encode_frame, is_number, read_frame, without_index
from ssvae.readers.text_tables import SEPARATORS
from ssvae.registry import unknown
from ssvae.types import Dataset

FORMS = (*SEPARATORS, ".parquet")


def read_own_table(
    path: Path,
    target: str | None,
    decimal: str,
    unlabeled: object,
    no_label: Sequence[str],
    unlabelled_file: str | None = None,
) -> Dataset:
    """Return the rows of a file, and below them those of another one; see `readers.read.read_table`.

    Raises
    ------
    DataError
        If a file is no table, the target is not there, or a column of the first file is not in the second.
    """
    frame = without_index(read_frame(path, target=target, decimal=decimal), path)
    if target is None:
        y = as_labels(np.full(len(frame), np.nan), path, unlabeled)
    elif target not in frame.columns:
        raise DataError(f"{path}: {unknown('target column', target, list(frame.columns))}")
    else:
        written = path.suffix.lower() in SEPARATORS
        y = as_labels(frame.pop(target), f"{path}, column {target!r}", unlabeled, no_label, written)
    keys = {"row": np.arange(len(frame))}
    if unlabelled_file is not None:
        more = _of_same_columns(Path(unlabelled_file), frame, path, target, decimal)
        y = np.concatenate([y, as_labels(np.full(len(more), np.nan), path, unlabeled)])
        files = [path.name] * len(frame) + [Path(unlabelled_file).name] * len(more)
        keys = {"file": np.array(files, object), "row": np.concatenate([keys["row"], np.arange(len(more))])}
        frame = pd.concat([frame, more], ignore_index=True)
    x, names = encode_frame(frame, path)
    return Dataset(path.stem, x, y, feature_names=names, row_keys=keys, column_kinds=column_kinds(frame))


def _of_same_columns(more: Path, frame: pd.DataFrame, path: Path, target: str | None, decimal: str) -> pd.DataFrame:
    """Return the columns of a frame, in their order, of another file."""
    text = [name for name in frame.columns if not is_number(frame[name])]
    found = read_frame(more, text, decimal=decimal, columns=[*frame.columns])
    absent = [name for name in frame.columns if name not in found.columns]
    words = [name for name in frame.columns if name in found.columns and _is_text(found[name], frame[name])]
    wrong = [f"has no column {name!r}" for name in absent]
    wrong += [f"column {name!r} holds text, such as {_first_word(found[name])!r}, and numbers there" for name in words]
    if wrong:
        raise DataError(f"{more} does not match {path}: {'; '.join(wrong)}")
    others = [name for name in found.columns if name not in {*frame.columns, target}]
    if others:
        warnings.warn(f"{more} has columns that {path} lacks, which are left out: {others}", stacklevel=2)
    return found[list(frame.columns)].astype({name: frame[name].dtype for name in text})


def _is_text(series: pd.Series, other: pd.Series) -> bool:
    return is_number(other) and not is_number(series) and bool(series.notna().any())


def _first_word(series: pd.Series) -> object:
    numbers = pd.to_numeric(series, errors="coerce")
    return series[numbers.isna() & series.notna()].iloc[0]
