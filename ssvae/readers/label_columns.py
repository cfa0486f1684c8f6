"""Labels from a column of a file: integers stay integers, text stays text, an empty cell is a row without a label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssvae.readers.errors import DataError


def as_labels(values: npt.ArrayLike, origin: object, unlabeled: object = -1) -> np.ndarray:
    """Return labels [N]: int64 for whole numbers and true/false, else strings (objects if rows lack a label).

    Parameters
    ----------
    values : array-like of shape [N]
        The column; None, NaN and empty text mean that the row has no label.
    origin : object
        What the values were read from, for error messages.
    unlabeled : object, default=-1
        The label of rows that have none.

    Raises
    ------
    DataError
        If labels are fractions, or a row has none and `unlabeled` is None.
    """
    column = pd.Series(np.asarray(values))
    empty = (column.isna() | (column.astype(object) == "")).to_numpy()
    if empty.any() and unlabeled is None:
        raise DataError(f"{origin}: row {np.argmax(empty) + 1} has no label, and unlabeled=None says that all have one")
    known = list(column[~empty])
    if all(isinstance(value, (bool, np.bool_, int, np.integer, float, np.floating)) for value in known):
        return _fill(_whole(known, origin), empty, unlabeled)
    return _fill(np.array([str(value) for value in known]), empty, unlabeled)


def _whole(known: list, origin: object) -> np.ndarray:
    """Return numbers as int64."""
    numbers = np.array(known, dtype=np.float64)
    fractions = ~np.isfinite(numbers) | (numbers != np.rint(numbers))
    if fractions.any():
        raise DataError(
            f"{origin}: label {known[int(np.argmax(fractions))]!r} is not a class; use whole numbers or text"
        )
    return numbers.astype(np.int64)


def _fill(known: np.ndarray, empty: np.ndarray, unlabeled: object) -> np.ndarray:
    """Put known labels in their rows and `unlabeled` in the others."""
    if not empty.any():
        return known
    whole = known.dtype == np.int64 and isinstance(unlabeled, (int, np.integer))
    y = np.full(len(empty), unlabeled, dtype=np.int64 if whole else object)
    y[~empty] = known
    return y
