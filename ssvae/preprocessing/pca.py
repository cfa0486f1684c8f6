"""Principal components, all divided by ONE number: t(x) = (x - mean) Wᵀ / sd.

One sd for all components, and not one each, keeps their relative sizes: what varies much stays important.

References
----------
Semi-supervised learning with deep generative models (Kingma, Rezende, Mohamed, Welling, 2014), its experiment on SVHN,
https://arxiv.org/abs/1406.5298
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from ssvae.preprocessing.base import Preprocessing
from ssvae.readers.base import Rows, RowsInMemory


class PCA(Preprocessing):
    """Keep the first principal components, scaled together to sd 1.

    The map loses dimensions, so that a bound of log p(t(x)) is not one of log p(x): `original_units` is False and
    `log_jacobian` is NaN.

    Parameters
    ----------
    components : int, default=600
        Components to keep; at most the number of columns and of rows that are fitted on.
    rows : int, default=10000
        Rows to fit on, drawn without replacement if there are more.
    seed : int, default=0
        Decides which rows.

    Attributes
    ----------
    mean_ : ndarray of float64, shape [D]
    components_ : ndarray of float64, shape [components, D]
        Orthonormal rows W.
    sd_ : ndarray of float64, shape []
        Root mean square of all components over the rows of fit, in the units of x.
    """

    original_units: ClassVar[bool] = False
    learnt = ("mean", "components", "sd")

    def __init__(self, components: int = 600, rows: int = 10_000, seed: int = 0) -> None:
        self.components = components
        self.rows = rows
        self.seed = seed

    def fit(self, x: Rows) -> Self:
        """See `Preprocessing.fit`.

        Raises
        ------
        ValueError
            If there are fewer rows or columns than components, all rows are equal, or a number is out of range.
        """
        from sklearn.decomposition import PCA as Decomposition

        self.refuse_sparse(x)
        if self.rows < 1 or self.seed < 0:
            raise ValueError(f"pca needs rows >= 1 and seed >= 0, got rows={self.rows!r}, seed={self.seed!r}")
        x = np.asarray(self._sample(x), np.float64)
        if not 1 <= self.components <= min(x.shape):
            raise ValueError(
                f"components={self.components} of {x.shape[1]} columns and {x.shape[0]} rows to fit on; "
                f"give 1 to {min(x.shape)}"
            )
        if np.ptp(x, axis=0).max() == 0:
            raise ValueError(
                "all rows to fit on are equal; there is no principal component: use another preprocessing than 'pca'"
            )
        # Exact solvers only: the randomised one would make the map depend on a random state.
        solver = "covariance_eigh" if len(x) >= x.shape[1] else "full"
        found = Decomposition(self.components, svd_solver=solver).fit(x)
        self.mean_, self.components_ = found.mean_, found.components_
        sd = np.sqrt(np.mean(np.square((x - self.mean_) @ self.components_.T)))
        self.sd_ = np.asarray(sd)
        kept = found.explained_variance_ratio_.sum()
        self.note = f"bounds are in the space of {self.components} principal components ({kept:.1%} of the variance)"
        return self

    def transform(self, x: RowsInMemory) -> np.ndarray:
        """See `Preprocessing.transform`."""
        self.check_fitted()
        x = np.asarray(x)
        self.check_width(x, len(self.mean_))
        return ((x - self.mean_) @ (self.components_.T / self.sd_)).astype(np.float32)

    def inverse(self, t: np.ndarray) -> np.ndarray:
        """Return the nearest x to the kept components: see `Preprocessing.inverse`."""
        self.check_fitted()
        t = np.asarray(t)
        self.check_width(t, len(self.components_))
        return (t @ (self.components_ * self.sd_) + self.mean_).astype(np.float32)

    def log_jacobian(self, x: Rows) -> np.ndarray:
        """Return NaN for each row: there is no such number (see `Preprocessing.original_units`)."""
        return np.full(len(x), np.nan)

    def get_config(self) -> dict[str, object]:
        """See `Preprocessing.get_config`."""
        return {"components": self.components, "rows": self.rows, "seed": self.seed}

    def _sample(self, x: Rows) -> RowsInMemory:
        """Return at most `rows` rows, drawn by the seed."""
        if len(x) <= self.rows:
            return x[:]
        return x[np.sort(np.random.default_rng(self.seed).choice(len(x), size=self.rows, replace=False))]
