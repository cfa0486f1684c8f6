"""Labels from a column of a file: integers stay integers, text stays text, an empty cell is a row without a label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from ssvae.label_vector import LabelContainer, known_labels, label_array, missing
from ssvae.readers.errors import DataError

EXACT = 2**53  # whole numbers beyond it have no float of their own
PLAIN = (str, bytes, bool, int, float, np.generic, Decimal, date)  # of labels
TRUTHS = ({"True", "False"}, {"TRUE", "FALSE"}, {"true", "false"})


def as_labels(
    values: LabelContainer,
    origin: object,
    unlabeled: object = -1,
    no_label: Sequence[str] = (),
    written: bool = False,
) -> np.ndarray:
    """Return labels [N]: int64 for whole numbers and true/false, else strings (objects if rows lack a label).

    Parameters
    ----------
    values : array-like of shape [N]
        The column; None, NaN and empty text mean that the row has no label.
    origin : object
        What the values were read from, for error messages.
    unlabeled : object, default=-1
        The label of rows that have none.
    no_label : sequence of str, default=()
        Texts that mean the same as an empty cell.
    written : bool, default=False
        Whether these are the cells of a text file: then blanks around them are no part of a label, and labels are whole
        numbers where each is written as Python writes that number ("01" is text), or all are with ".0" behind.

    Raises
    ------
    DataError
        If labels are fractions, or a row has none and `unlabeled` is None.
    """
    column = label_array(values)
    if written:
        column = unquoted_cells([None if cell is None else str(cell).strip() for cell in column.tolist()], origin)
    if column.dtype.kind in "OU" and len(no_label):
        words = set(no_label)
        column = np.array([None if value in words else value for value in column.tolist()], object)
    empty = missing(column)
    if empty.any() and unlabeled is None:
        raise DataError(f"{origin}: row {np.argmax(empty) + 1} has no label, and unlabeled=None says that all have one")
    known = _plain(column[~empty], origin)
    if written:
        known = _numbers(known, origin)
    elif known.dtype == object and any(not isinstance(v, int | float | np.number | np.bool_) for v in known):
        known = np.array([str(value) for value in known])
    try:
        if known.dtype.kind not in "US":
            known_labels(known, unlabeled)
    except ValueError as error:
        raise DataError(f"{origin}: {error}") from error
    return _fill(_whole(known, origin) if known.dtype.kind not in "US" else known, empty, unlabeled)


def _plain(known: np.ndarray, origin: object) -> np.ndarray:
    """Return labels without bytes, decimal numbers and times, as text or whole numbers."""
    if known.dtype.kind == "M":
        return known.astype(str)
    nested = next((value for value in known.tolist() if not isinstance(value, PLAIN)), None)
    if nested is not None:
        raise DataError(f"{origin}: label {nested!r} is {type(nested).__name__}; use whole numbers or text")
    if known.dtype.kind not in "OS":
        return known
    try:
        values = [value.decode() if isinstance(value, bytes) else value for value in known.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{origin}: a label is not text in UTF-8 ({error}); use text") from error
    found = np.empty(len(values), object)
    found[:] = [_number(value) if isinstance(value, Decimal) else value for value in values]
    return found


def _number(value: Decimal) -> float:
    return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)


def unquoted(text: str) -> str:
    """Return the text of a cell without the quote in front that keeps spreadsheets from running it; see `quoted`."""
    return text[1:] if text.startswith("'") and quoted(text[1:]) == text else text


def unquoted_cells(cells: Sequence[str | None], origin: object) -> np.ndarray:
    """Return the texts [N] of a column, `unquoted`; None is an empty cell.

    Raises
    ------
    DataError
        If two of them would become one.
    """
    found = {cell: unquoted(cell) for cell in dict.fromkeys(cells) if cell is not None}
    twin = next((text for cell, text in found.items() if cell != text and found.get(text) == text), None)
    if twin is not None:
        raise DataError(
            f"{origin}: there are {twin!r} and {quoted(twin)!r}, which would be one, for an apostrophe before what a "
            "spreadsheet would run is none of the text: write one of them otherwise"
        )
    return np.array([None if cell is None else found[cell] for cell in cells], object)


def quoted(text: str) -> str:
    """Return text for a cell that no spreadsheet takes for a formula; a number stays one.

    >>> quoted("=1+1"), quoted("-1.5"), quoted("'@a"), quoted("ant")
    ("'=1+1", '-1.5', "''@a", 'ant')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


_FORMULA = re.compile(r"'*\s*[=+\-@]")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|-?inf")


def _numbers(known: np.ndarray, origin: object) -> np.ndarray:
    """Return cells as whole numbers where that loses nothing, else as text."""
    texts = dict.fromkeys(known.tolist())
    if all(re.fullmatch(r"0|-?[1-9][0-9]{0,18}", text) and -(2**63) <= int(text) < 2**63 for text in texts):
        return np.array([int(text) for text in known], np.int64)
    if any(texts.keys() <= truths for truths in TRUTHS):
        return np.array([text.lower() == "true" for text in known], np.int64)
    if all(re.fullmatch(r"(0|-?[1-9][0-9]{0,15})\.0", text) and abs(float(text)) < EXACT for text in texts):
        return np.array([int(float(text)) for text in known], np.int64)
    if all(_NUMBER.fullmatch(text) for text in texts):
        fraction = next((text for text in texts if float(text) % 1), None)
        if fraction is not None:
            raise DataError(f"{origin}: label {fraction} is not a class; use whole numbers or text")
    return np.array(known.tolist(), str)


def _whole(known: np.ndarray, origin: object) -> np.ndarray:
    """Return numbers as int64."""
    values = known.tolist()
    for value in values:
        if isinstance(value, float) and not (value % 1 == 0 and abs(value) <= EXACT):
            raise DataError(f"{origin}: label {value!r} is not a class; use whole numbers or text")
        if not -(2**63) <= value < 2**63:
            raise DataError(f"{origin}: label {value!r} does not fit into 64 bits; use text")
    return np.array([int(value) for value in values], np.int64)


def _fill(known: np.ndarray, empty: np.ndarray, unlabeled: object) -> np.ndarray:
    """Put known labels in their rows and `unlabeled` in the others."""
    if not empty.any():
        return known
    whole = known.dtype == np.int64 and isinstance(unlabeled, (int, np.integer))
    y = np.full(len(empty), unlabeled, dtype=np.int64 if whole else object)
    y[~empty] = known
    return y
