"""Columns of a DataFrame as numbers, by their names: as `ssvae.readers.tables` does it for a file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssvae.readers import column_schema
from ssvae.readers.errors import DataError
from ssvae.readers.tables import encode_frame_as, origin, say_left_out

WHERE = Path("X")  # what messages name
NUMERIC = ("boolean", "decimal", "floating", "integer", "mixed-integer-float")  # of pandas' `infer_dtype`


def learnt(frame: pd.DataFrame, kinds: column_schema.Kinds | None = None) -> column_schema.Schema | None:
    """Return what the columns of a DataFrame hold; None where they are numbers alone and have no names of text.

    Raises
    ------
    DataError
        Naming every column that holds neither numbers, nor dates, nor categories, nor what `kinds` says of it.
    """
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"X has two columns {twice!r}: rename one")
    words = _words(frame)
    if not words and not kinds and not all(isinstance(name, str) for name in frame.columns):
        return None
    schema = column_schema.learn(_plain(frame, words), WHERE, kinds)
    found = [column for column in schema if column.kind in column_schema.ASIDE and column.name not in (kinds or {})]
    if found:
        warnings.warn(f"X: columns {column_schema.said(found)[0]}", stacklevel=6)
    return schema


def encoded(frame: pd.DataFrame, schema: column_schema.Schema) -> pd.DataFrame:
    """Return the features of a DataFrame of columns, itself where they are the same."""
    names = list(column_schema.feature_names(schema))
    words = _words(frame)
    if not words and names == list(frame.columns):
        return frame
    if not words and {*names} <= {*frame.columns}:
        return frame[names]
    return pd.DataFrame(column_schema.encode(schema, _plain(frame, words), WHERE), columns=names)


def as_numbers(frame: pd.DataFrame, names: Sequence[str] | None, schema: column_schema.Schema | None) -> pd.DataFrame:
    """Return a frame of numbers: text, categories and dates encoded, and columns in the order of fit.

    A text or category column becomes one column of 0 and 1 a value, ``column=value``; a value that fit did not see is
    0 in all of them. Columns that fit did not see are left out and named in a warning.

    Parameters
    ----------
    frame : DataFrame [N, D]
        Of columns, or of the features that they became.
    names : sequence of str, optional
        Of the features that were fitted on.
    schema : Schema, optional
        What the columns held in fit, where that is known.

    Raises
    ------
    DataError
        If a column that fit saw is missing, or holds something else.
    """
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"X has two columns {twice!r}: rename one")
    words = _words(frame)
    if names is None:
        if words:
            raise DataError(f"X has the column {words[0]!r} of {frame[words[0]].dtype}, and fit saw numbers alone")
        return frame
    plain = frame.rename(columns=str)
    if not words and not any("=" in str(name) for name in names) and not {*names} <= {*plain.columns}:
        return frame  # scikit-learn says which are missing, and which are new
    known = [column.name for column in schema or ()]
    say_left_out(plain.columns, [*names, *known], WHERE)
    if {*names} <= {*plain.columns} and not {*map(str, words)} & {*names}:
        return frame if list(plain.columns) == [*names] else plain[list(names)]
    if schema is None:
        used = [*dict.fromkeys(origin(name, plain.columns, WHERE)[0] for name in names)]
        return pd.DataFrame(encode_frame_as(_plain(frame, words)[used], names, WHERE), columns=list(names))
    return encoded(frame, schema)


def filled(
    frame: pd.DataFrame, features: np.ndarray, names: Sequence[str], schema: column_schema.Schema | None = None
) -> pd.DataFrame:
    """Return the frame with its missing cells filled in, by reconstructed features [N, D] of these names.

    Whole numbers and true/false are rounded, and text is the value whose feature is the greatest. Columns that were set
    aside in fit stay as they are.
    """
    whole, found = frame.rename(columns=str), frame.copy()
    cells = _columns(features, names, whole) if schema is None else column_schema.decode(schema, features)
    for name in cells.columns:
        gone = np.flatnonzero(whole[name].isna())
        if len(gone):
            found.iloc[gone, whole.columns.get_loc(name)] = _as_cells(cells[name].iloc[gone], whole[name])
    return found


def _columns(features: np.ndarray, names: Sequence[str], whole: pd.DataFrame) -> pd.DataFrame:
    """Return features as columns, by their names alone."""
    origins: dict[str, list[tuple[int, str | None]]] = {}
    for at, name in enumerate(names):
        column, value = origin(name, whole.columns, WHERE)
        origins.setdefault(column, []).append((at, value))
    found: dict[str, np.ndarray] = {}
    for column, parts in origins.items():
        cells = features[:, np.array([at for at, _ in parts])]
        text = parts[0][1] is not None
        found[column] = np.array([value for _, value in parts], object)[cells.argmax(axis=1)] if text else cells[:, 0]
    return pd.DataFrame(found)


def _as_cells(cells: pd.Series, column: pd.Series) -> np.ndarray | pd.Series:
    """Return cells as a column of some type holds them."""
    dtype = column.dtype
    if pd.api.types.is_datetime64_any_dtype(cells):
        if not pd.api.types.is_datetime64_any_dtype(dtype):
            return cells.dt.round("s").astype(str).to_numpy(object)
        zone = column.dt.tz
        return (cells if zone is None else cells.dt.tz_localize("UTC").dt.tz_convert(zone)).astype(dtype).array
    if not pd.api.types.is_numeric_dtype(dtype) or not pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy()
    if pd.api.types.is_bool_dtype(dtype):
        return cells.to_numpy() > 0.5
    return np.round(cells.to_numpy()) if pd.api.types.is_integer_dtype(dtype) else cells.to_numpy()


def _is_numeric(series: pd.Series) -> bool:
    """Say whether a column holds numbers or true/false, or text that is all numbers, which NumPy takes for such."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        return False
    if pd.api.types.is_numeric_dtype(series):
        return True
    if series.dtype != object and not pd.api.types.is_string_dtype(series):
        return False
    if pd.api.types.infer_dtype(series, skipna=True) in NUMERIC:
        return True
    return bool(pd.to_numeric(series, errors="coerce").notna().all())


def _words(frame: pd.DataFrame) -> list[object]:
    """Return the names of the columns that hold no numbers."""
    return [column for column in frame.columns if not _is_numeric(frame[column])]


def _plain(frame: pd.DataFrame, words: Sequence[object]) -> pd.DataFrame:
    """Return a frame with names of text and rows from 0 on, and as numbers what is."""
    numbers = {
        column: pd.to_numeric(frame[column])
        for column in frame.columns
        if column not in words and not pd.api.types.is_numeric_dtype(frame[column])
    }
    return frame.assign(**numbers).rename(columns=str).reset_index(drop=True)
