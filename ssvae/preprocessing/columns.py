"""Columns of different kinds, of which cells may be missing: those without a bound standardised, gaps flagged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from ssvae.preprocessing import PREPROCESSING
from ssvae.preprocessing.base import Preprocessing
from ssvae.readers import column_moments
from ssvae.readers.base import Rows, RowsInMemory


class Columns(Preprocessing):
    """t(x) = ((x_d − mean_d) / sd_d of every column d, and 1 or 0 for every column with gaps: whether x_d is there).

    Mean and sd are those of the cells that are there, and 0 and 1 for columns that are not standardised; a missing cell
    (NaN) becomes 0. The density of a row is that of its cells that are there.

    Parameters
    ----------
    standardized : sequence of int, optional
        Numbers of the columns that are brought to mean 0 and sd 1; None: all.

    Attributes
    ----------
    mean_, sd_ : ndarray of float64, shape [D]
        In the units of x.
    gap_ : ndarray of float64, shape [D]
        1 for columns that had a missing cell in `fit`.
    """

    learnt = ("mean", "sd", "gap")
    takes_gaps = True

    def __init__(self, standardized: Sequence[int] | None = None) -> None:
        whole = isinstance(standardized, list | tuple) and all(type(at) is int and at >= 0 for at in standardized)
        if standardized is not None and not whole:
            raise ValueError(
                f"standardized of preprocessing 'columns' must be a list of numbers of columns, or None for all; got "
                f"{standardized!r}"
            )
        self.standardized = None if standardized is None else tuple(standardized)

    def fit(self, x: Rows) -> Self:
        """See `Preprocessing.fit`."""
        scaled = np.ones(x.shape[1], bool)
        if self.standardized is not None:
            scaled = np.isin(np.arange(x.shape[1]), self.standardized)
        learnt = PREPROCESSING.build("standardize").fit(x)
        moments = learnt.arrays()
        self.mean_, self.sd_ = np.where(scaled, moments["mean"], 0.0), np.where(scaled, moments["sd"], 1.0)
        self.gap_ = (column_moments.mean(x, np.isnan) > 0).astype(np.float64)
        self.note = learnt.note if scaled.all() else None
        return self

    @property
    def gaps(self) -> tuple[int, ...]:
        """See `Preprocessing.gaps`."""
        self.check_fitted()
        return tuple(np.flatnonzero(self.gap_).tolist())

    def transform(self, x: RowsInMemory) -> np.ndarray:
        """See `Preprocessing.transform`."""
        self.check_fitted()
        x = np.asarray(x)
        self.check_width(x, len(self.mean_))
        gaps = list(self.gaps)

        def rows_of(part: np.ndarray) -> np.ndarray:
            t, there = (part - self.mean_) / self.sd_, ~np.isnan(part)
            return np.concatenate([np.where(there, t, 0.0), there[:, gaps]], axis=1)

        return self.by_chunks(x, rows_of, x.shape[1] + len(gaps))

    def inverse(self, t: np.ndarray) -> np.ndarray:
        """See `Preprocessing.inverse`: a cell that is missing is filled."""
        self.check_fitted()
        t, features = np.asarray(t), len(self.mean_)
        if t.ndim != 2 or t.shape[1] != features + len(self.gaps):
            raise ValueError(f"Columns gives rows of {features + len(self.gaps)} columns, given {t.shape[1:]}")
        return (t[:, :features] * self.sd_ + self.mean_).astype(np.float32)

    def log_jacobian(self, x: Rows) -> np.ndarray:
        """Return −Σ_d log sd_d over the cells that are there: see `Preprocessing.log_jacobian`."""
        self.check_fitted()
        chunks = column_moments.chunks(x)
        return -np.concatenate([(~np.isnan(rows)).astype(np.float64) @ np.log(self.sd_) for rows in chunks])

    def get_config(self) -> dict[str, object]:
        """See `Preprocessing.get_config`."""
        return {"standardized": None if self.standardized is None else list(self.standardized)}
