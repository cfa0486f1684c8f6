"""Columns of a DataFrame as numbers, by their names: as `ssvae.readers.tables` does it for a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssvae.readers.errors import DataError
from ssvae.readers.tables import encode_frame, encode_frame_as, origin, say_left_out

WHERE = Path("X")  # what messages name
NUMERIC = ("boolean", "decimal", "floating", "integer", "mixed-integer-float")  # of pandas' `infer_dtype`


def as_numbers(frame: pd.DataFrame, names: Sequence[str] | None, learn: bool) -> pd.DataFrame:
    """Return a frame of numbers: text, categories and dates encoded, and columns in the order of fit.

    A text or category column becomes one column of 0 and 1 a value, ``column=value``; a value that fit did not see is
    0 in all of them. Columns that fit did not see are left out and named in a warning.

    Parameters
    ----------
    frame : DataFrame [N, D]
    names : sequence of str, optional
        Of the features that were fitted on.
    learn : bool
        Whether this is fit, which takes the features as they come.

    Raises
    ------
    DataError
        If a column is neither numbers nor categories, or one that fit saw is missing.
    """
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"X has two columns {twice!r}: rename one")
    words = [column for column in frame.columns if not _is_numeric(frame[column])]
    if learn:
        if not words:
            return frame
        found, features = encode_frame(_plain(frame, words), WHERE)
        return pd.DataFrame(found, columns=list(features))
    if names is None:
        if words:
            raise DataError(f"X has the column {words[0]!r} of {frame[words[0]].dtype}, and fit saw numbers alone")
        return frame
    plain = frame.rename(columns=str)
    if not words and not any("=" in str(name) for name in names) and not {*names} <= {*plain.columns}:
        return frame  # scikit-learn says which are missing, and which are new
    used = [*dict.fromkeys(origin(name, plain.columns, WHERE)[0] for name in names)]
    say_left_out(plain.columns, names, WHERE)
    if used == [*names] and not {*map(str, words)} & {*used}:
        return frame if list(plain.columns) == used else plain[used]
    return pd.DataFrame(encode_frame_as(_plain(frame, words)[used], names, WHERE), columns=list(names))


def filled(frame: pd.DataFrame, features: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Return the frame with its missing cells filled in, by reconstructed features [N, D] of these names.

    Whole numbers and true/false are rounded, and text is the value whose feature is the greatest.
    """
    whole, found = frame.rename(columns=str), frame.copy()
    origins: dict[str, list[tuple[int, str | None]]] = {}
    for at, name in enumerate(names):
        column, value = origin(name, whole.columns, WHERE)
        origins.setdefault(column, []).append((at, value))
    for place, (column, parts) in ((whole.columns.get_loc(column), (column, own)) for column, own in origins.items()):
        gone = np.flatnonzero(whole[column].isna())
        cells = features[np.ix_(gone, np.array([at for at, _ in parts]))]
        if parts[0][1] is not None:
            cells = np.array([value for _, value in parts], object)[cells.argmax(axis=1)]
        else:
            cells = _as_type(cells[:, 0], whole[column].dtype)
        if len(gone):
            found.iloc[gone, place] = cells
    return found


def _as_type(numbers: np.ndarray, dtype: object) -> np.ndarray:
    """Return numbers as cells of a column of some type."""
    if pd.api.types.is_bool_dtype(dtype):
        return numbers > 0.5
    return np.round(numbers) if pd.api.types.is_integer_dtype(dtype) else numbers


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


def _plain(frame: pd.DataFrame, words: Sequence[object]) -> pd.DataFrame:
    """Return a frame with names of text and rows from 0 on, and as numbers what is."""
    numbers = {
        column: pd.to_numeric(frame[column])
        for column in frame.columns
        if column not in words and not pd.api.types.is_numeric_dtype(frame[column])
    }
    return frame.assign(**numbers).rename(columns=str).reset_index(drop=True)
