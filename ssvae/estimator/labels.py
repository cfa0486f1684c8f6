"""Labels as users write them, and as numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ssvae.types import ArrayLike


def is_unlabelled(y: np.ndarray, unlabeled: object) -> np.ndarray:
    """Return which entries of y [N] hold no label: the marker, and None, NaN or pd.NA.

    With ``unlabeled=None`` every row is labelled.
    """
    if unlabeled is None:
        return np.zeros(len(y), bool)
    missing = pd.isna(y) if y.dtype.kind in "Of" else np.zeros(len(y), bool)
    if y.dtype.kind in "US":  # an array of str cannot hold the number -1, but may hold its text
        return np.asarray(y == str(unlabeled))
    return np.asarray([bool(gap) or _same(value, unlabeled) for value, gap in zip(y, missing, strict=True)], bool)


def _same(value: object, marker: object) -> bool:
    return not isinstance(value, str) and not isinstance(value, bool) and bool(value == marker)


def encode(y: ArrayLike, unlabeled: object) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes [K] and each row's class index [N] int32, -1 where there is no label.

    Raises
    ------
    ValueError
        If no row is labelled, only one class is, or y is no vector of classes.
    """
    if np.ndim(np.asarray(unlabeled, object)):
        raise ValueError(f"unlabeled must be one value that marks rows without a label, or None, got {unlabeled!r}")
    column: np.ndarray = column_or_1d(y, warn=True)
    hidden = is_unlabelled(column, unlabeled)
    known = column[~hidden]
    if not len(known):
        raise ValueError(
            f"y has no labelled row: all {len(column)} are {unlabeled!r}, which means unlabelled; label at least one "
            "row of two classes, or set unlabeled= to another marker"
        )
    if known.dtype == object:
        known = np.array(known.tolist())  # str or numbers again, once the marker is gone
    if known.dtype.kind == "f" and not np.isfinite(known).all():
        raise ValueError("Input y contains infinity or NaN where a label should be")
    check_classification_targets(known)
    classes, index = np.unique(known, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes.tolist()[0]!r}: a classifier needs labelled rows of at least 2 classes"
        )
    result = np.full(len(column), -1, np.int32)
    result[~hidden] = index
    return classes, result


def positions(y: npt.ArrayLike, classes: np.ndarray) -> np.ndarray:
    """Return the index of each label [N] in `classes`.

    Raises
    ------
    ValueError
        If a label is none of the classes.
    """
    y = np.asarray(y)
    known = set(classes.tolist())
    for label in y.tolist():
        if label not in known:
            raise ValueError(f"unknown label {label!r}: fit did not see it, the classes are {classes.tolist()}")
    return np.searchsorted(classes, y.astype(classes.dtype))


def labelled_rows(y: ArrayLike, unlabeled: object, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of y are labelled [N] bool, and their labels in the dtype of `classes`.

    Raises
    ------
    ValueError
        If no row is labelled, or a label is none of the classes.
    """
    column: np.ndarray = column_or_1d(y, warn=True)
    known = ~is_unlabelled(column, unlabeled)
    if not known.any():
        raise ValueError("y has no labelled row to compare with")
    return known, classes[positions(column[known], classes)]
