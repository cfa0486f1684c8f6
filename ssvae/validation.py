"""What users hand in, checked at the public edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data


def check_rows(estimator: Any, X: Any, y: Any = None) -> Any:
    """Return X as float32 [N, D], with y as an array when it is given (then the estimator learns D and the names).

    Raises
    ------
    ValueError
        If X is no table of numbers, holds NaN or infinity (the cell is named), or has another width than in fit.
    """
    fitting = y is not None
    x = validate_data(
        estimator, X, reset=fitting, dtype=(np.float64, np.float32), ensure_all_finite=False, ensure_min_samples=1
    )
    _finite(x, getattr(estimator, "feature_names_in_", None))
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    _finite(x, getattr(estimator, "feature_names_in_", None), " (too large for float32)")
    if not fitting:
        return x
    y = np.asarray(y)
    check_consistent_length(x, y)
    return x, y


def _finite(x: np.ndarray, names: Any, why: str = "") -> None:
    bad = np.argwhere(~np.isfinite(x))
    if not len(bad):
        return
    row, column = bad[0]
    what = "NaN" if np.isnan(x[row, column]) else "infinity (inf)"
    name = f"{column} ({names[column]!r})" if names is not None else str(column)
    raise ValueError(
        f"Input X contains {what}{why}: {len(bad)} cells, the first in row {row}, column {name}; fill in or drop such "
        "rows before fit and predict"
    )
