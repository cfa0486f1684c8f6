"""A user's table (.csv, .tsv, .parquet) as a data set, and a second one of rows without a label below it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssvae.label_vector import known_labels
from ssvae.readers import column_schema
from ssvae.readers.errors import DataError, all_problems
from ssvae.readers.label_columns import as_labels
from ssvae.readers.tables import is_number, read_frame, say_left_out, without_index
from ssvae.readers.text_tables import SEPARATORS
from ssvae.registry import unknown
from ssvae.types import Dataset

FORMS = (*SEPARATORS, ".parquet")
LEFT_OUT = ("id", "text", "drop")
MOST_CLASSES = 20  # that may have a row each
MANY = 2000  # features


def read_own_table(
    path: Path,
    target: str | None,
    decimal: str,
    unlabeled: object,
    no_label: Sequence[str],
    unlabelled_file: str | None = None,
    kinds: column_schema.Kinds | None = None,
    set_aside: bool = True,
) -> Dataset:
    """Return the rows of a file, and below them those of another one; see `readers.read.read_table`.

    Raises
    ------
    DataError
        Naming all that is wrong: with the target, with columns of the first file, with those of the second.
    """
    kinds = kinds or {}
    frame = without_index(read_frame(path, column_schema.as_text(kinds), target, decimal), path)
    own, y, rows = len(frame), None, [np.arange(len(frame))]
    with all_problems(path) as problems:
        with problems.one():
            y = _labels(frame, path, target, unlabeled, no_label)
            _check_classes(known_labels(y, unlabeled)[0], f"{path}: target column {target!r}")
        frame = frame.drop(columns=[] if target is None else [target], errors="ignore")
        if unlabelled_file is not None:
            with problems.one():
                more = _of_same_columns(Path(unlabelled_file), frame, path, target, decimal, kinds)
                rows.append(np.arange(len(more)))
                frame = pd.concat([frame, more], ignore_index=True)
        with problems.one():
            schema = column_schema.learn(frame, path, kinds, set_aside)
    assert y is not None  # else there was a problem
    if len(rows) > 1:
        y = np.concatenate([y, as_labels(np.full(len(rows[1]), np.nan), path, unlabeled)])
    x, names = column_schema.encode(schema, frame, path), column_schema.feature_names(schema)
    if x.shape[1] > MANY and x.shape[1] > len(x):
        warnings.warn(
            f"{path} makes {x.shape[1]} features of {len(x)} rows: leave columns out (--drop), or choose some first",
            stacklevel=2,
        )
    keys = {"row": np.concatenate(rows)}
    if unlabelled_file is not None:
        files = [path.name] * own + [Path(unlabelled_file).name] * len(rows[1])
        keys = {"file": np.array(files, object), **keys}
    keys |= {column.name: _shown(frame[column.name]) for column in schema if column.kind in ("id",)}
    return Dataset(path.stem, x, y, feature_names=names, row_keys=keys, columns=column_schema.as_json(schema))


def _labels(
    frame: pd.DataFrame, path: Path, target: str | None, unlabeled: object, no_label: Sequence[str]
) -> np.ndarray:
    """Return the labels of a table, [N]."""
    if target is None:
        return as_labels(np.full(len(frame), np.nan), path, unlabeled)
    if target not in frame.columns:
        raise DataError(f"{path}: {unknown('target column', target, list(frame.columns))}")
    where = f"{path}: target column {target!r}"
    absent = sorted({*no_label} - {str(cell).strip() for cell in frame[target].unique()}) if no_label else []
    if absent:
        warnings.warn(f"{where} has no cell {absent[0]!r}, which no_label (--no-label) names", stacklevel=3)
    return as_labels(frame[target], where, unlabeled, no_label, path.suffix.lower() in SEPARATORS)


def _check_classes(labels: np.ndarray, where: str) -> None:
    """Raise where labels are of one class, or of so many that they are none."""
    classes = np.unique(labels)
    if len(classes) == 1:
        raise DataError(
            f"{where}: y has one class only, {classes.tolist()[0]!r}: rows of another one need a label, too"
        )
    if len(classes) > MOST_CLASSES and len(classes) > len(labels) / 2:
        words = labels.dtype.kind == "U" and np.mean([len(label.split()) for label in labels]) >= column_schema.WORDS
        what = "is running text: it has" if words else "has"
        raise DataError(
            f"{where} {what} {len(classes)} different values in {len(labels)} rows with a label, and it is to hold "
            "classes, of which each has some rows: group its values"
        )


def _shown(series: pd.Series) -> np.ndarray:
    """Return the cells of a column as a table shows them, empty where they are missing."""
    return series.astype(object).where(series.notna(), "").to_numpy()


def _of_same_columns(
    more: Path, frame: pd.DataFrame, path: Path, target: str | None, decimal: str, kinds: column_schema.Kinds
) -> pd.DataFrame:
    """Return the columns of a frame, in their order, of another file."""
    text = [name for name in frame.columns if not is_number(frame[name])]
    found = read_frame(more, text, decimal=decimal, columns=[*frame.columns])
    absent = [name for name in frame.columns if name not in found.columns and kinds.get(name) not in LEFT_OUT]
    words = [name for name in frame.columns if name in found.columns and _is_text(found[name], frame[name])]
    wrong = [f"has no column {name!r}" for name in absent]
    wrong += [f"column {name!r} holds text, such as {_first_word(found[name])!r}, and numbers there" for name in words]
    if wrong:
        raise DataError(f"{more} does not match {path}: {'; '.join(wrong)}")
    others = [name for name in found.columns if name not in {*frame.columns, target}]
    if others:
        warnings.warn(f"{more} has columns that {path} lacks, which are left out: {others}", stacklevel=2)
    found = found.reindex(columns=frame.columns)
    gone = [name for name in frame.columns if found[name].isna().all()]
    return found.astype({name: frame[name].dtype for name in text} | dict.fromkeys(gone, object))


def _is_text(series: pd.Series, other: pd.Series) -> bool:
    return is_number(other) and not is_number(series) and bool(series.notna().any())


def _first_word(series: pd.Series) -> object:
    numbers = pd.to_numeric(series, errors="coerce")
    return series[numbers.isna() & series.notna()].iloc[0]


def columns_of(path: Path, schema: column_schema.Schema, decimal: str = ".") -> pd.DataFrame:
    """Return all columns of a file, those of the schema read as they were at fit."""
    text = column_schema.written_as_text(schema)
    return read_frame(path, text, decimal=decimal, columns=[column.name for column in schema])


def encode_file(path: Path, schema: column_schema.Schema, target: str | None, decimal: str) -> np.ndarray:
    """Return the features [N, D] of a file read for prediction; columns that fit did not see are left out, and named.

    Raises
    ------
    DataError
        Naming every column that is missing, or holds something else than at fit.
    """
    frame = read_frame(
        path, column_schema.written_as_text(schema), decimal=decimal, columns=[column.name for column in schema]
    )
    say_left_out(list(frame.columns), [column.name for column in schema], path, target)
    return column_schema.encode(schema, frame, path)


def read_rows(
    path: Path,
    schema: column_schema.Schema,
    target: str,
    decimal: str,
    unlabeled: object,
    no_label: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the features [N, D] and labels [N] of a further file of the same columns.

    Raises
    ------
    DataError
        As `encode_file`, or if the target is not there.
    """
    text = column_schema.written_as_text(schema)
    frame = read_frame(path, text, target, decimal, [column.name for column in schema])
    with all_problems(path) as problems:
        with problems.one():
            y = _labels(frame, path, target, unlabeled, no_label)
        with problems.one():
            x = column_schema.encode(schema, frame, path)
    return x, y
