"""Labels of rows from any container, and which rows have one: the single answer to "is this row unlabelled?".

A row has no label where its entry is missing (None, NaN, NA, NaT, masked, or text of nothing but blanks) or is the
marker, `unlabeled`: by default the number -1, which texts write as "-1". Nothing else means that there is none.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

# What holds labels: lists and tuples, NumPy's arrays, masked ones too, pandas' Series of any dtype, Categorical, Arrow.
LabelContainer: TypeAlias = npt.ArrayLike | Sequence[object]

KINDS: dict[type, str] = {bool: "true/false", np.bool_: "true/false", str: "text", np.str_: "text", bytes: "bytes"}


def has_label(y: LabelContainer, unlabeled: object = -1) -> np.ndarray:
    """Return which rows have a label, [N] bool.

    Parameters
    ----------
    y : array-like of shape [N]
        Labels in any container.
    unlabeled : object, default=-1
        The label of rows that have none, beside what is missing; None says that every row has one.

    Examples
    --------
    >>> has_label([2, -1, 0]).tolist()
    [True, False, True]
    >>> has_label(["ant", None, "", "-1", "bee"]).tolist()
    [True, False, False, False, True]
    """
    y, unlabeled = label_array(y), _plain_marker(unlabeled)
    if unlabeled is None:
        return np.ones(y.shape, bool)
    if y.dtype.kind == "O":
        found = [not _is_missing(value) and _marks(value, unlabeled) for value in y.ravel()]
        marked = np.array(found, bool).reshape(y.shape)
    elif y.dtype.kind in "US":
        marked = y == (str(unlabeled) if y.dtype.kind == "U" else str(unlabeled).encode())
    else:
        comparable = isinstance(unlabeled, bool | np.bool_) == (y.dtype.kind == "b") and not isinstance(unlabeled, str)
        marked = y == unlabeled if comparable and y.dtype.kind in "biuf" else np.zeros(y.shape, bool)
    return ~(missing(y) | marked)


def _plain_marker(unlabeled: object) -> object:
    """Return the marker as text or a number: "-1" marks the number -1, too, and NA nothing that is not missing."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and (unlabeled is pandas.NA or unlabeled is pandas.NaT):
        return float("nan")
    if isinstance(unlabeled, bytes):
        unlabeled = unlabeled.decode(errors="replace")
    if isinstance(unlabeled, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,17}", unlabeled):
        return int(unlabeled)
    return unlabeled


def label_array(y: LabelContainer) -> np.ndarray:
    """Return labels as a plain array of their own type; of objects, with None where one is missing, if any is.

    An array without gaps stays as it is. Integers stay integers: those of a list with gaps, of a masked array or of
    pandas' Int64 do not become floats.

    >>> label_array([3, None, 1]).tolist()
    [3, None, 1]
    """
    mask = None
    # y can be an object of these only if they are imported.
    pandas, arrow = sys.modules.get("pandas"), sys.modules.get("pyarrow")
    if pandas is not None and isinstance(y, pandas.DataFrame) and y.shape[1] == 1:
        y = y.iloc[:, 0]
    if isinstance(y, np.ma.MaskedArray):
        y, mask = y.data, np.ma.getmaskarray(y)
    elif pandas is not None and isinstance(y, pandas.Series | pandas.Index | pandas.api.extensions.ExtensionArray):
        y, mask = _of_pandas(y)
    elif arrow is not None and isinstance(y, arrow.Array | arrow.ChunkedArray):
        unsigned = arrow.types.is_unsigned_integer(y.type)
        y, mask = (np.asarray(y.fill_null(0)), np.asarray(y.is_null())) if unsigned else (y.to_pylist(), None)
    if isinstance(y, list | tuple):
        y = _of_list(y)
    y = np.asarray(y)
    if y.dtype.kind == "V":
        raise ValueError(f"y holds records of {list(y.dtype.names or ())}: give one of these fields")
    if mask is not None and mask.any():
        y = _as_objects(y)
        y[mask] = None
    return y.astype(object) if y.dtype.kind == "T" else y


def _of_pandas(y: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the array of pandas' Series, Index or extension array, and where it misses a value, if it knows."""
    import pandas

    if isinstance(y.dtype, np.dtype | pandas.SparseDtype):
        return np.asarray(y), None
    absent = np.asarray(pandas.isna(y))
    if isinstance(y.dtype, pandas.CategoricalDtype):
        codes = np.asarray(y.codes if isinstance(y, pandas.Categorical) else pandas.Categorical(y).codes)
        categories = _as_objects(label_array(y.dtype.categories))
        return np.append(categories, [None])[codes], absent  # the code of what is missing is -1
    if pandas.api.types.is_unsigned_integer_dtype(y.dtype):
        return y.to_numpy(np.dtype(f"u{y.dtype.itemsize}"), na_value=0), absent
    return np.asarray(y, object), absent


def _as_objects(y: np.ndarray) -> np.ndarray:
    """Return an array of objects; unsigned numbers stay NumPy's, by which -1 among them is found."""
    found = np.empty(y.size, object)
    found[:] = list(y.ravel()) if y.dtype.kind == "u" else y.ravel().tolist()
    return found.reshape(y.shape)


def missing(y: np.ndarray) -> np.ndarray:
    """Return where an array misses a label, whatever marks others as unlabelled."""
    if y.dtype.kind == "O":
        return np.reshape(np.array([_is_missing(value) for value in y.ravel()], bool), y.shape)
    if y.dtype.kind in "US":
        return np.char.strip(y) == ("" if y.dtype.kind == "U" else b"")
    return np.isnan(y) if y.dtype.kind == "f" else np.isnat(y) if y.dtype.kind in "mM" else np.zeros(y.shape, bool)


def known_labels(y: LabelContainer, unlabeled: object = -1) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of the rows that have one, as an array of one type, and which rows these are, [N] bool.

    Raises
    ------
    ValueError
        If labels are of several types, or of one that holds no classes, too large for 64 bits, or missing though
        `unlabeled` is None, or -1 seems to have been stored as an unsigned number.
    """
    y = label_array(y)
    known = has_label(y, unlabeled)
    if unlabeled is None and y.dtype.kind != "f" and missing(y).any():
        raise ValueError(
            f"{int(missing(y).sum())} rows of y have no label, the first is row {int(missing(y).argmax())}, and "
            "unlabeled=None says that all have one"
        )
    labels = y[known]
    if labels.dtype == object:
        labels = _of_one_type(labels)
    if labels.dtype.kind == "u" and unlabeled is not None:
        _check_unsigned(labels)
    if labels.dtype in (np.int32, np.int64):
        _check_cast(labels)
    return labels, known


def check_classes(labels: np.ndarray, rows: int, unlabeled: object = -1) -> None:
    """Check that labels, those of the rows that have one among `rows`, are of two classes or more.

    Raises
    ------
    ValueError
        If there are none, one class only, numbers that are not finite, or times or numbers that no file of a saved
        classifier holds.
    """
    if not len(labels):
        raise ValueError(
            f"y has no labelled row: all {rows} are {unlabeled!r}, which means unlabelled; label at least one "
            "row of two classes, or set unlabeled= to another marker"
        )
    if labels.dtype.kind in "mM" or (labels.dtype.kind == "f" and labels.dtype.itemsize > 8):
        raise ValueError(f"y holds {labels.dtype}, and not text, whole numbers or true/false: make it one of these")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("Input y contains infinity or NaN where a label should be")
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes.tolist()[0]!r}: a classifier needs labelled rows of at least 2 classes"
        )


def _of_list(y: Sequence[object]) -> np.ndarray:
    """Return the array of a list, of objects where its entries are of several types."""
    kinds = set(map(type, y))
    if kinds == {str}:
        _refuse_null(y)
    if len(kinds) == 1 and not kinds & {type(None)}:
        found = np.asarray(y)  # of integers beyond 64 bits, or of other objects, an array of objects
        if found.dtype.kind != "f" or kinds & {float, np.float64, np.float32}:
            return found
    if any(isinstance(value, list | tuple | np.ndarray) and np.ndim(value) for value in y):
        return np.asarray(y)  # of two axes, which whoever takes it refuses
    found = np.empty(len(y), object)
    found[:] = y
    return found


def _refuse_null(texts: Sequence[Any]) -> None:
    """Refuse texts that NumPy would cut."""
    ending = next((text for text in texts if text.endswith("\0")), None)
    if ending is not None:
        raise ValueError(f"label {ending!r} ends in a null character, which NumPy drops: leave it out")


def _is_missing(value: object) -> bool:
    """Say whether a value is None, masked, NaN, NA, NaT, or text of blanks."""
    if isinstance(value, str | bytes):
        return not value.strip()
    if value is None or value is np.ma.masked:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # of NA, it cannot be said
        pandas = sys.modules.get("pandas")
        return pandas is not None and value is pandas.NA


def _marks(value: object, unlabeled: object) -> bool:
    """Say whether a value is the marker; texts are compared with how it is written, True is not 1."""
    if isinstance(value, str | bytes):
        return value == (str(unlabeled) if isinstance(value, str) else str(unlabeled).encode())
    truths = isinstance(value, bool | np.bool_), isinstance(unlabeled, bool | np.bool_)
    return truths[0] == truths[1] and bool(np.all(value == unlabeled))


def _of_one_type(labels: np.ndarray) -> np.ndarray:
    """Return objects as an array of their type; refuse several."""
    values = labels.tolist()
    each = [_kind(value) for value in values]
    found = list(dict.fromkeys(each))
    if len(found) > 1:
        shown = ", ".join(f"{kind} ({each.count(kind)} rows, such as {values[each.index(kind)]!r})" for kind in found)
        raise ValueError(f"y mixes labels of several types: {shown}; make them one type, all text or all numbers")
    if found and found[0] not in {*KINDS.values(), "number"}:
        raise ValueError(f"y holds {found[0]}, such as {values[0]!r}, and not text, whole numbers or true/false")
    if found == ["text"]:
        _refuse_null(values)
    if found != ["number"]:
        return np.array(values)
    if len(kinds := {type(value) for value in values}) == 1 and issubclass(kinds.pop(), np.unsignedinteger):
        return np.array(values)
    if any(isinstance(value, float | np.floating) for value in values):
        floats = np.array(values, np.float64)
        merged = [value for value, number in zip(values, floats.tolist(), strict=True) if value != number]
        if merged:
            raise ValueError(f"label {merged[0]!r} is too large to stand beside fractions: make all labels integers")
        return floats
    try:
        return np.array(values, np.int64 if min(values, default=0) < 0 or max(values, default=0) < 2**63 else np.uint64)
    except OverflowError as error:
        raise ValueError(
            f"label {max(values, key=abs)} does not fit into 64 bits: write such labels as text"
        ) from error


def _kind(value: object) -> str:
    if type(value) in KINDS:
        return KINDS[type(value)]
    return "number" if isinstance(value, int | float | np.integer | np.floating) else type(value).__name__


def _check_cast(labels: np.ndarray) -> None:
    """Refuse what NaN becomes where numbers with gaps are made integers: the least one."""
    least = np.iinfo(labels.dtype).min
    rows = int((labels == least).sum())
    if rows:
        raise ValueError(
            f"y is {labels.dtype} and holds {least} in {rows} rows, which is what NaN becomes there: give y with NaN, "
            "or -1 in these rows"
        )


def _check_unsigned(labels: np.ndarray) -> None:
    """Refuse -1 that was cast to an unsigned type, whose largest number it then is, far above the others.

    Where it may be a class as well, because it is one of two or follows another, there is a warning.
    """
    largest = int(np.iinfo(labels.dtype).max)
    classes = np.unique(labels)
    if not len(classes) or classes[-1] != largest or len(classes) > largest // 2:
        return
    found = (
        f"y is {labels.dtype} and holds {largest} in {int((labels == largest).sum())} rows, which is what -1 becomes "
        f"there: give y as int64, with -1 or, if it is a class, {largest}; or say unlabeled={largest}"
    )
    if len(classes) > 2 and classes[-2] != largest - 1:
        raise ValueError(found)
    warnings.warn(found, UserWarning, stacklevel=3)
