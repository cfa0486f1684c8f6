"""Validation of X and y, as users hand them in."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_n_features, _check_sample_weight, validate_data

from ssvae.backend import eager_guard, fork_guard
from ssvae.estimator import data_frames
from ssvae.estimator.value_range import check_range
from ssvae.label_vector import LabelContainer, label_array
from ssvae.readers import column_moments
from ssvae.readers.base import Rows, RowsInMemory, RowSource, extremes, take_rows
from ssvae.readers.open import open_rows
from ssvae.readers.precision import exact
from ssvae.readers.sparse_table import SparseTable, as_rows, is_sparse, stored_values
from ssvae.types import ArrayLike


class TrainingRows(NamedTuple):
    """What fit learns from, after its checks."""

    x: Rows  # [N, D] float32 or float64
    y: np.ndarray  # [N] labels as they were given
    weight: np.ndarray  # [N] float32, above 0
    extremes: tuple[float, float]  # the least and the greatest cell of x, NaN where cells are missing


@contextmanager
def as_before_on_failure(estimator: BaseEstimator) -> Iterator[None]:
    """Leave the estimator as it was, with the columns that it knew, where what is inside fails or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def check_training_rows(
    estimator: BaseEstimator, X: ArrayLike, y: LabelContainer, sample_weight: npt.ArrayLike | None = None
) -> TrainingRows:
    """Return X, y and weights for fit, without rows of weight 0; the estimator learns the columns and their names.

    Raises
    ------
    ValueError
        As `check_table`, or if y is not one label a row.
    """
    x, found = _checked(estimator, X, reset=True)
    try:
        y = label_array(y)
    except ValueError as error:
        raise ValueError(f"y must be one label a row, [N] ({error})") from error
    if y.ndim != 1 and y.shape[1:] != (1,):
        given = f"an array {list(y.shape)}" if y.ndim else f"a single {type(y.item()).__name__}"
        raise ValueError(f"y must be one label a row, [N], and is {given}")
    if isinstance(x, RowSource) and len(y) != len(x):
        raise ValueError(f"y has {len(y)} labels, and {x.name} has {len(x)} rows: give one label a row")
    check_consistent_length(x, y)
    weight = np.broadcast_to(np.float32(1.0), len(x))  # takes no memory
    if sample_weight is not None:
        weight = _check_sample_weight(sample_weight, x, dtype=np.float32, ensure_non_negative=True)
        if weight.sum(dtype=np.float64) > np.finfo(np.float32).max:
            raise ValueError("sample_weight is too large for float32: divide all weights by the largest")
    if weight.all():
        return TrainingRows(x, y, weight, found)
    x = take_rows(x, weight > 0)
    return TrainingRows(x, y[weight > 0], weight[weight > 0], extremes(x))


def subset(X: ArrayLike, rows: np.ndarray) -> ArrayLike:
    """Return some rows of X, a mask [N], with the names of its columns."""
    X = open_rows(X)
    if hasattr(X, "iloc"):  # a data frame of whatever library
        check_consistent_length(X, rows)
        return X.iloc[rows]
    table = X if isinstance(X, RowSource) else as_rows(X)
    if len(rows) != table.shape[0]:
        raise ValueError(f"y has {len(rows)} labels, and X has {table.shape[0]} rows: give one label a row")
    return take_rows(table, rows)


def check_table(estimator: BaseEstimator, X: ArrayLike) -> Rows:
    """Return X as numbers [N, D] that are finite in float32, of the columns that the estimator was fitted on.

    Missing cells are NaN, where the preprocessing of the estimator takes them.

    An array of floats is not copied: it is rounded to float32 when it is preprocessed. A sparse matrix becomes a
    `sparse_table.SparseTable`; a path or a memory-mapped array a `readers.base.RowSource`.

    Raises
    ------
    ValueError
        If X is no table of numbers, holds NaN or infinity (the cell is named), has other columns than in fit, or a cell
        is out of the range of the likelihood.
    TypeError
        If X is no table at all.
    RuntimeError
        If TensorFlow would hang in this process (`ssvae.backend.fork_guard`), or traces a graph.
    """
    x, extremes = _checked(estimator, X, reset=False)
    preprocessing = estimator.preprocessing_
    if math.isnan(extremes[0]):
        if not preprocessing.takes_gaps:
            refuse_missing(x, feature_names(estimator))
        _warn_of_new_gaps(x, preprocessing.gaps, feature_names(estimator))
    if preprocessing.identity:
        likelihood = estimator.likelihood_
        check_range(type(likelihood).__name__, likelihood.support, type(preprocessing).__name__, x, extremes)
    return x


def _checked(estimator: BaseEstimator, X: ArrayLike, reset: bool) -> tuple[Rows, tuple[float, float]]:
    """Return the rows and their extremes in float32, which one pass finds together with what is not finite."""
    fork_guard.check()
    eager_guard.check()
    _refuse_streams(X)
    X = open_rows(X)
    if reset:
        vars(estimator).pop("columns_", None)
    if isinstance(X, RowSource):
        x: Rows = _named(estimator, X, reset)
        _check_n_features(estimator, x, reset=reset)
    else:
        settings = {"dtype": (np.float64, np.float32), "ensure_all_finite": False, "ensure_min_samples": 1}
        matrix = X.matrix if isinstance(X, SparseTable) else X
        if isinstance(X, pd.DataFrame):
            matrix = _of_frame(estimator, X, reset)
        try:
            x = validate_data(estimator, _numbers(matrix), reset=reset, accept_sparse="csr", **settings)
        except ValueError as error:
            if "could not convert string to float" not in str(error):
                raise
            raise ValueError(f"{error}{_where_text(X)}") from error
    with np.errstate(over="ignore"):
        x = SparseTable(x) if is_sparse(x) else x
        low, high = (float(np.float32(number)) for number in extremes(x))
    if not np.isfinite([low, high]).all():
        takes_none = isinstance(x[:1], SparseTable)  # its cells that are not stored are 0
        _refuse(x, feature_names(estimator), _not_finite if takes_none else np.isinf)
    return x, (low, high)


def _of_frame(estimator: BaseEstimator, X: pd.DataFrame, reset: bool) -> pd.DataFrame:
    """Return a DataFrame as numbers; with `reset` the estimator learns what its columns hold."""
    if reset:
        schema = data_frames.learnt(X, estimator.columns)
        if schema is None:
            return X
        estimator.columns_ = schema
        return data_frames.encoded(X, schema)
    names = feature_names(estimator)
    return data_frames.as_numbers(X, None if names is None else names.tolist(), vars(estimator).get("columns_"))


def refuse_missing(x: Rows, names: np.ndarray | None) -> None:
    """Raise for the first cell that is missing.

    Parameters
    ----------
    x : Rows [N, D]
    names : ndarray [D], optional
        Of its columns.

    Raises
    ------
    ValueError
        If one is.
    """
    _refuse(x, names, np.isnan)


def _not_finite(x: np.ndarray) -> np.ndarray:
    return ~np.isfinite(x)


def _warn_of_new_gaps(x: Rows, gaps: tuple[int, ...], names: np.ndarray | None) -> None:
    """Say which columns have missing cells now and had none in fit: they count as their mean."""
    now = np.flatnonzero(column_moments.mean(x, np.isnan) > 0)
    new = [int(column) if names is None else str(names[column]) for column in now if column not in gaps]
    if new:
        warnings.warn(
            f"columns {new} have missing cells, and had none in fit: the mean of fit stands in for them, and bounds "
            "count it as a cell that is there",
            stacklevel=4,
        )


def _refuse_streams(X: object) -> None:
    """Raise for what yields rows or batches one after another, and for what is no table at all."""
    streams = Iterator | Mapping | Set | tf.data.Dataset | keras.utils.PyDataset
    # scipy's matrices of the format DOK are mappings
    if X is None or (isinstance(X, streams | tf.SparseTensor | tf.RaggedTensor) and not is_sparse(X)):
        raise TypeError(
            f"X is {type(X).__name__}, and a table [N, D] is needed: an array, a DataFrame, a sparse matrix or the "
            "path of a file; of a generator or a tf.data.Dataset, stack the rows first"
        )


def _numbers(X: ArrayLike) -> ArrayLike:
    """Return X with NaN where a masked array hides a cell; refuse dates, which NumPy would count as numbers."""
    if isinstance(X, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        X = np.ma.array(X)
    if isinstance(X, np.ma.MaskedArray) and np.ma.getmaskarray(X).any() and X.dtype.kind in "biufO":
        return np.ma.filled(X.astype(object if X.dtype.kind == "O" else np.float64), np.nan)
    if isinstance(X, np.ndarray) and X.dtype.kind == "c":
        raise ValueError(
            "Complex data not supported: X holds complex numbers, give real and imaginary parts as columns"
        )
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        raise ValueError("X holds dates or durations: turn them into numbers first, such as seconds")
    return X


def _where_text(X: object) -> str:
    """Return where the first cell of X is that is neither a number nor the text of one."""
    for row, cells in enumerate(np.asarray(X, dtype=object)):
        for column, cell in enumerate(np.ravel(cells)):
            try:
                float(cell)
            except (TypeError, ValueError):
                return f" (row {row}, column {column}); text columns are taken from a DataFrame, as columns of 0 and 1"
    return ""


def reference_rows(x: Rows) -> RowsInMemory:
    """Return at most 16 rows of x, spread over all of it."""
    rows = x[np.linspace(0, len(x) - 1, min(16, len(x))).astype(int)]
    return rows if isinstance(rows, SparseTable) else exact(rows)


def feature_names(estimator: BaseEstimator) -> np.ndarray | None:
    """Return the names of the columns that the estimator was fitted on, where they had any."""
    return vars(estimator).get("feature_names_in_")


def _named(estimator: BaseEstimator, source: RowSource, reset: bool) -> RowSource:
    """Return the columns of a source that the estimator was fitted on; with `reset` it learns their names."""
    names = feature_names(estimator)
    if not reset and names is not None and source.feature_names is not None:
        return source.select_features(tuple(names))
    if reset and source.feature_names is not None:
        estimator.feature_names_in_ = np.array(source.feature_names, object)
    elif reset and names is not None:
        del estimator.feature_names_in_
    return source


def _refuse(x: Rows, names: np.ndarray | None, wrong: Callable[[np.ndarray], np.ndarray]) -> None:
    """Raise for the first cell that is wrong in float32, if there is one."""
    if isinstance(x, RowSource):
        for start, rows in x.chunks():
            if wrong(stored_values(rows).astype(np.float32, copy=False)).any():
                _refuse_cells(np.asarray(rows, np.float32), None, wrong, of_rows=start, all_known=False)
    elif isinstance(x, SparseTable):
        for at in np.flatnonzero(wrong(x.matrix.data))[:1]:
            row = int(np.searchsorted(x.matrix.indptr, at, "right") - 1)
            _refuse_cells(np.asarray(x[row : row + 1]), names, wrong, of_rows=row)
    else:
        _refuse_cells(x, names, wrong)
        with np.errstate(over="ignore"):
            _refuse_cells(x.astype(np.float32), names, wrong, " (too large for float32)")


def _refuse_cells(
    x: np.ndarray,
    names: np.ndarray | None,
    wrong: Callable[[np.ndarray], np.ndarray],
    why: str = "",
    of_rows: int = 0,
    all_known: bool = True,
) -> None:
    """Raise for the first of these cells that is wrong, if there is one."""
    bad = np.argwhere(wrong(x))
    if not len(bad):
        return
    row, column = bad[0]
    missing = np.isnan(x[row, column])
    what = "NaN" if missing else "infinity (inf)"
    many = f"{len(bad)} cells, " if all_known else ""
    name = f"{column} ({names[column]!r})" if names is not None else str(column)
    way_out = "; likelihood='auto' and preprocessing='auto' leave missing cells out" if missing else ""
    raise ValueError(
        f"Input X contains {what}{why}: {many}the first in row {row + of_rows}, column {name}; fill in or "
        f"drop such rows before fit and predict{way_out}"
    )
