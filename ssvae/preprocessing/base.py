"""`Preprocessing`, the contract of preprocessings: a fitted map of x, and its effect on densities.

The contract. A preprocessing t is a class with keyword settings and

- ``fit(x) -> self``: learns from rows x [N, D], float32 or float64, deterministically;
- ``transform(x) -> float32 [N, D']`` and ``inverse(t) -> float32 [N, D]``;
- ``log_jacobian(x) -> float64 [N]``: log |det dt(x)/dx| in nats, to be ADDED to a bound of log p(t(x)) to give a bound
  of log p(x) in the original units;
- ``original_units``: False if there is no such number (t loses dimensions): log_jacobian is then NaN, bounds are those
  of t(x), and reports must say so;
- ``takes_gaps``: whether cells of x may be NaN, for missing; t(x) is finite all the same, and ``gaps`` are the columns
  that had such cells in fit, each with a column of 1 and 0 at the end of t(x);
- ``get_config()``, the settings, and ``arrays()``, what was learnt: ``cls.from_arrays(t.arrays(), **t.get_config())``
  is the same map, bit for bit;

and one line in ``ssvae/preprocessing/__init__.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from ssvae.backend import aligned_arrays
from ssvae.readers.base import VALUES, Rows, RowsInMemory, transformed
from ssvae.readers.sparse_table import SparseTable


class Preprocessing(ABC):
    """The base of all preprocessings: keeps and restores what `fit` learns."""

    original_units: ClassVar[bool] = True
    learnt: ClassVar[tuple[str, ...]] = ()  # names of the arrays that `fit` learns, each an attribute with a final "_"
    identity: ClassVar[bool] = False  # whether t(x) = x, so that the units of x are those of t(x)
    takes_gaps: ClassVar[bool] = False  # whether cells of x may be missing
    note: str | None = None  # a remark on the fitted data for the report

    @abstractmethod
    def fit(self, x: Rows) -> Self:
        """Learn from rows [N, D] and return self."""

    @property
    def gaps(self) -> tuple[int, ...]:
        """Numbers of the columns that had missing cells in `fit`."""
        return ()

    @abstractmethod
    def transform(self, x: RowsInMemory) -> RowsInMemory:
        """Return t(x) as float32 [N, D']."""

    def transformed(self, x: Rows) -> Rows:
        """Return t(x) of rows in memory, or of rows on disk another source, which transforms what is read."""
        return transformed(x, self.transform)

    @abstractmethod
    def inverse(self, t: np.ndarray) -> np.ndarray:
        """Return x float32 [N, D] of t [N, D']; the nearest there is, if t loses dimensions."""

    @abstractmethod
    def log_jacobian(self, x: Rows) -> np.ndarray:
        """Return log |det dt(x)/dx| of each row, float64 [N], in nats."""

    def get_config(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what was learnt, by name.

        Raises
        ------
        RuntimeError
            If `fit` was not called.
        """
        self.check_fitted()
        return {name: np.asarray(getattr(self, f"{name}_")) for name in self.learnt}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], **config: Any) -> Self:
        """Return the fitted preprocessing whose `arrays` and `get_config` these are.

        Raises
        ------
        ValueError
            If the names of the arrays are not those that this preprocessing learns.
        """
        if set(arrays) != set(cls.learnt):
            raise ValueError(f"{cls.__name__} is restored from arrays {sorted(cls.learnt)}, given {sorted(arrays)}")
        restored = cls(**config)
        for name in cls.learnt:
            setattr(restored, f"{name}_", np.asarray(arrays[name]))
        return restored

    def check_fitted(self) -> None:
        """Raise if `fit` was not called."""
        if not all(f"{name}_" in vars(self) for name in self.learnt):
            raise RuntimeError(f"{type(self).__name__} is not fitted; call fit(x) first")

    def refuse_sparse(self, x: Rows) -> None:
        """Raise if x is a sparse table, which this map would make dense."""
        if isinstance(x[:1], SparseTable):
            raise ValueError(
                f"preprocessing {type(self).__name__} would make the sparse X dense: give preprocessing='identity' "
                "(likelihood='multinomial' for counts of words), or X.toarray()"
            )

    def by_chunks(
        self, x: np.ndarray, function: Callable[[np.ndarray], np.ndarray], width: int | None = None
    ) -> np.ndarray:
        """Return function(rows) of all rows x [N, D] as float32 [N, width], by default D, some rows at a time."""
        found = aligned_arrays.empty((len(x), x.shape[1] if width is None else width))
        step = max(1, VALUES // max(1, x.shape[1]))
        for at in range(0, len(x), step):
            found[at : at + step] = function(x[at : at + step])
        return found

    def check_width(self, x: np.ndarray, width: int) -> None:
        """Raise if x is not [N, width]."""
        if x.ndim != 2 or x.shape[1] != width:
            raise ValueError(f"{type(self).__name__} was fitted on {width} columns, given rows of shape {x.shape[1:]}")
