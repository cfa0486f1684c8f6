"""Standardisation of each column: t(x)_d = (x_d - mean_d) / sd_d."""

from __future__ import annotations

from typing import Self

import numpy as np

from ssvae.preprocessing.base import Preprocessing
from ssvae.readers import column_moments
from ssvae.readers.base import Rows, RowsInMemory

# A smaller sd, relative to the mean, is rounding and no variation: of float32 and of float64 numbers.
SINGLE_ROUNDING, DOUBLE_ROUNDING = 1e-7, 1e-12


class Standardize(Preprocessing):
    """Bring every column to mean 0 and sd 1 over the rows of `fit`.

    A constant column is moved to 0 and keeps its unit (sd is taken as 1); `note` then says which ones.

    Attributes
    ----------
    mean_, sd_ : ndarray of float64, shape [D]
        In the units of x.
    """

    learnt = ("mean", "sd")

    def fit(self, x: Rows) -> Self:
        """See `Preprocessing.fit`."""
        self.refuse_sparse(x)
        self.mean_ = column_moments.mean(x)
        sd = column_moments.standard_deviation(x, self.mean_)
        constant = sd <= SINGLE_ROUNDING * np.abs(self.mean_)
        if constant.any() and x.dtype == np.float64:
            sd[constant] = self._near_constant(x, constant)
            constant &= sd <= DOUBLE_ROUNDING * np.abs(self.mean_)
        self.sd_ = np.where(constant, 1.0, sd)
        self.note = _note(np.flatnonzero(constant))
        return self

    def _near_constant(self, x: Rows, columns: np.ndarray) -> np.ndarray:
        """Return the sd of columns that vary little beside their means, taken from their first row on; so is the mean.

        The sum of large numbers has a rounding error that is not small beside such a variation.
        """
        first = np.asarray(x[:1])[0, columns]
        first = np.where(np.isnan(first), self.mean_[columns], first)
        shift = column_moments.mean(x, lambda rows: rows[:, columns] - first)
        self.mean_[columns] = first + shift
        return np.sqrt(column_moments.mean(x, lambda rows: np.square(rows[:, columns] - first - shift)))

    def transform(self, x: RowsInMemory) -> np.ndarray:
        """See `Preprocessing.transform`."""
        self.check_fitted()
        x = np.asarray(x)
        self.check_width(x, len(self.mean_))
        return self.by_chunks(x, lambda rows: (rows - self.mean_) / self.sd_)

    def inverse(self, t: np.ndarray) -> np.ndarray:
        """See `Preprocessing.inverse`."""
        self.check_fitted()
        t = np.asarray(t)
        self.check_width(t, len(self.mean_))
        return (t * self.sd_ + self.mean_).astype(np.float32)

    def log_jacobian(self, x: Rows) -> np.ndarray:
        """Return -sum_d log sd_d for each row: see `Preprocessing.log_jacobian`."""
        self.check_fitted()
        return np.full(len(x), -np.log(self.sd_).sum())


def _note(constant: np.ndarray) -> str | None:
    """Say which columns are constant; the first ten of them by number."""
    if not len(constant):
        return None
    shown = ", ".join(str(column) for column in constant[:10]) + (", ..." if len(constant) > 10 else "")
    return f"{len(constant)} constant column(s), left in their unit: {shown}"
