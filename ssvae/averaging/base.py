"""`Member`, the contract of the plain classifiers of an average: fitted in no time on few rows, and kept as arrays.

The contract. A member is a class without arguments and

- ``fit(rows) -> self``: learns from `TrainingRows`, the same from the same rows and seed;
- ``probabilities(x) -> float64 [N, K]``;
- ``learnt``: names of the arrays that fit learns, each an attribute of that name with a final "_", so that
  ``cls.from_arrays(member.arrays())`` predicts the same, whatever version of scikit-learn is there by then;
- ``repeats``: how often, at most, it is worth to deal the folds again;
- ``uses_unlabelled``: whether rows without a label change what it predicts, beyond the scale of the columns;

and one line in ``ssvae/averaging/__init__.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from sklearn.decomposition import PCA

COMPONENTS = 10  # principal components, at most
SHARE = 0.95  # of the variance that they hold, if fewer do
SMALLEST = 1e-9  # variance


class AllRows:
    """Rows with and without label [N, D], and what is known of them without any label."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    @cached_property
    def variance(self) -> float:
        """Of all cells together."""
        return max(float(self.x.var()), SMALLEST)

    @cached_property
    def whitening(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean [D], and projection [D, C] to the first principal components, each of variance 1."""
        with np.errstate(invalid="ignore"):  # shares of a variance of 0
            found = PCA(min(COMPONENTS, *self.x.shape), random_state=0).fit(self.x)
        values = found.explained_variance_
        enough = int(np.searchsorted(np.cumsum(values), SHARE * self.x.var(axis=0).sum())) + 1
        count = max(1, min(enough, int((values > SMALLEST).sum())))
        return found.mean_, found.components_[:count].T / np.sqrt(np.maximum(values[:count], SMALLEST))


@dataclass(frozen=True)
class TrainingRows:
    """What a member learns from: columns of about one scale."""

    x: np.ndarray  # [n, D] the labelled rows
    index: np.ndarray  # [n] their class index
    every: AllRows
    classes: int  # K
    seed: int

    def without(self, held_out: np.ndarray) -> Self:
        """Return the rows without the labels of some, a mask [n]."""
        return replace(self, x=self.x[~held_out], index=self.index[~held_out])


class Member(ABC):
    """The base of all members: keeps and restores what `fit` learns."""

    learnt: ClassVar[tuple[str, ...]]
    uses_unlabelled: ClassVar[bool] = False
    repeats: ClassVar[int] = 3  # of the folds

    @abstractmethod
    def fit(self, rows: TrainingRows) -> Self:
        """Learn and return self."""

    @abstractmethod
    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Return class probabilities [N, K] of rows x [N, D]."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what was learnt, by name."""
        return {name: np.asarray(vars(self)[f"{name}_"]) for name in self.learnt}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the fitted member whose `arrays` these are.

        Raises
        ------
        ValueError
            If they are others.
        """
        if set(arrays) != set(cls.learnt):
            raise ValueError(f"{cls.__name__} is restored from arrays {sorted(cls.learnt)}, given {sorted(arrays)}")
        restored = cls()
        for name in cls.learnt:
            setattr(restored, f"{name}_", np.asarray(arrays[name]))
        return restored
