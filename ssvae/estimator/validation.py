"""What users hand in, checked at the public edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_n_features, validate_data

from ssvae.backend import fork_guard
from ssvae.readers.base import RowSource
from ssvae.readers.open import open_rows
from ssvae.readers.sparse_table import SparseTable, is_sparse, stored_values

CELLS = 2**18  # a chunk of rows that stays in the processor's cache between two looks at it


def check_rows(estimator: Any, X: Any, y: Any = None) -> Any:
    """Return X as float32 [N, D], with y as an array when it is given (then the estimator learns D and the names).

    A sparse matrix becomes a `sparse_table.SparseTable`; a path or a memory-mapped array a `readers.base.RowSource`,
    all read once.

    Raises
    ------
    ValueError
        If X is no table of numbers, holds NaN or infinity (the cell is named), or has another width than in fit.
    RuntimeError
        If TensorFlow would hang in this process (`ssvae.backend.fork_guard`).
    """
    x = check_table(estimator, X, reset=y is not None)
    x = x if isinstance(x, SparseTable | RowSource) else x.astype(np.float32, copy=False)
    if y is None:
        return x
    try:
        y = np.asarray(y)
    except ValueError as error:
        raise ValueError(f"y must be one label a row, [N] ({error})") from error
    if isinstance(x, RowSource) and len(y) != len(x):
        raise ValueError(f"y has {len(y)} labels, and {x.name} has {len(x)} rows: give one label a row")
    check_consistent_length(x, y)
    return x, y


def check_table(estimator: Any, X: Any, reset: bool = False) -> Any:
    """Return X as numbers that are finite in float32, [N, D], without a copy where X is an array of floats.

    Raises
    ------
    ValueError
        See `check_rows`.
    """
    fork_guard.check()
    X = open_rows(X)
    if isinstance(X, RowSource):
        return _finite_source(estimator, X, reset)
    if isinstance(X, SparseTable):
        X = X.matrix
    settings = {"dtype": (np.float64, np.float32), "ensure_all_finite": False, "ensure_min_samples": 1}
    x = validate_data(estimator, X, reset=reset, accept_sparse="csr", **settings)
    if is_sparse(x):
        return _finite_table(x, getattr(estimator, "feature_names_in_", None))
    with np.errstate(over="ignore"):
        if not _fits_float32(x):
            _refuse(x, getattr(estimator, "feature_names_in_", None))
            _refuse(x.astype(np.float32), getattr(estimator, "feature_names_in_", None), " (too large for float32)")
    return x


def _finite_source(estimator: Any, source: RowSource, reset: bool) -> RowSource:
    names = getattr(estimator, "feature_names_in_", None)
    if not reset and names is not None and source.feature_names is not None:
        source = source.select_features(tuple(names))
    if reset and source.feature_names is not None:
        estimator.feature_names_in_ = np.array(source.feature_names, object)
    elif reset and names is not None:
        del estimator.feature_names_in_
    _check_n_features(estimator, source, reset=reset)
    for start, rows in source.chunks():
        if not np.isfinite(stored_values(rows)).all():
            row = int(np.flatnonzero(~np.isfinite(np.asarray(rows)).all(axis=1))[0])
            _refuse(np.asarray(rows[row : row + 1]), None, of_rows=start + row, all_known=False)
    return source


def _finite_table(x: Any, names: Any) -> SparseTable:
    with np.errstate(over="ignore"):
        table = SparseTable(x)
    if not np.isfinite(table.matrix.data).all():
        row = int(np.searchsorted(table.matrix.indptr, np.flatnonzero(~np.isfinite(table.matrix.data))[0], "right") - 1)
        _refuse(np.asarray(table[row : row + 1]), names, of_rows=row)
    return table


def _fits_float32(x: np.ndarray) -> bool:
    """Say whether all numbers are finite in float32, by the extremes, which NaN takes part in."""
    step = max(1, CELLS // x.shape[1])
    chunks = (x[start : start + step] for start in range(0, len(x), step))
    return all(np.isfinite(np.array([chunk.min(), chunk.max()]).astype(np.float32)).all() for chunk in chunks)


def _refuse(x: np.ndarray, names: Any, why: str = "", of_rows: int = 0, all_known: bool = True) -> None:
    bad = np.argwhere(~np.isfinite(x))
    if not len(bad):
        return
    row, column = bad[0]
    what = "NaN" if np.isnan(x[row, column]) else "infinity (inf)"
    many = f"{len(bad)} cells, " if all_known else ""
    name = f"{column} ({names[column]!r})" if names is not None else str(column)
    raise ValueError(
        f"Input X contains {what}{why}: {many}the first in row {row + of_rows}, column {name}; fill in or "
        "drop such rows before fit and predict"
    )
