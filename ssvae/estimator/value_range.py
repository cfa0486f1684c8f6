"""Whether rows lie in the range of values that a likelihood is of."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ssvae.estimator.auto import is_auto
from ssvae.likelihoods import LIKELIHOODS
from ssvae.preprocessing import PREPROCESSING
from ssvae.readers.base import Rows, extremes
from ssvae.registry import slot_name
from ssvae.settings.signatures import attribute

ROWS = 256  # made dense at a time, where the first that is out of range is looked for


def check_range(
    likelihood: str,
    support: tuple[float, float],
    preprocessing: str,
    rows: Rows,
    known: tuple[float, float] | None = None,
) -> None:
    """Check that preprocessed rows, of which the extremes may be known, lie in the support of a likelihood.

    Raises
    ------
    ValueError
        Naming the first cell that does not, and the classes of likelihood and preprocessing.
    """
    low, high = support
    if low == -math.inf and high == math.inf:
        return
    least, greatest = known or extremes(rows)
    if least < low or greatest > high:
        row, column, value = _first_outside(rows, low, high)
        raise ValueError(
            f"likelihood {likelihood} needs values in [{low:g}, {high:g}], row {row}, column {column} "
            f"is {value:g} after preprocessing {preprocessing}: scale the columns, or use likelihood='gaussian'"
        )


def check_range_of_settings(classifier: Mapping[str, object], rows: Rows) -> None:
    """Check the same of rows that stay as they are, by the names in settings, which import no likelihood.

    Raises
    ------
    ValueError
        As `check_range`, or where a cell is missing and the likelihood needs all.
    """
    likelihood, preprocessing = (str(slot_name(classifier[slot])) for slot in ("likelihood", "preprocessing"))
    if not (is_auto(likelihood) or attribute(LIKELIHOODS.where(likelihood), "takes_gaps")):
        _refuse_missing(likelihood, rows)
    if is_auto(likelihood) or not (is_auto(preprocessing) or attribute(PREPROCESSING.where(preprocessing), "identity")):
        return
    where = LIKELIHOODS.where(likelihood)
    support = attribute(where, "support")
    if support is not None:  # else it depends on arguments
        check_range(where.split(":")[1], support, "Identity", rows)


def _refuse_missing(likelihood: str, rows: Rows) -> None:
    """Raise for the first missing cell, of which the likelihood is none."""
    if not math.isnan(extremes(rows)[0]):
        return
    for start in range(0, len(rows), ROWS):
        for row, column in np.argwhere(np.isnan(np.asarray(rows[start : start + ROWS]))):
            raise ValueError(
                f"row {start + int(row)}, column {int(column)} is missing, and likelihood {likelihood!r} needs every "
                "cell: likelihood 'auto' leaves missing cells out; or fill them in"
            )


def _first_outside(t: Rows, low: float, high: float) -> tuple[int, int, float]:
    """Return row, column and value of the first cell that is out of range."""
    for start in range(0, len(t), ROWS):
        values = np.asarray(t[start : start + ROWS])
        for row, column in np.argwhere((values < low) | (values > high)):
            return start + int(row), int(column), float(values[row, column])
    raise AssertionError("all cells are in range")
