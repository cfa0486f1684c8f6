"""Kernel logistic regression with a Gaussian kernel: smooth borders of any shape, with probabilities of its own.

References
----------
Kernel Logistic Regression and the Import Vector Machine (Zhu and Hastie, 2005), §2.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax

from ssvae.averaging.base import Member, TrainingRows
from ssvae.averaging.linear import coefficients

STRENGTH = 10.0  # inverse of the penalty's
SMALLEST = 1e-9  # eigenvalue of the kernel matrix that counts


class KernelLogisticRegression(Member):
    """softmax(k(x, landmarks) @ coef + intercept), k(x, x') = exp(−width · |x − x'|²), landmarks the labelled rows.

    With the penalty αᵀKα it is logistic regression on the columns of K^½, the features of the labelled rows.

    Attributes
    ----------
    landmarks_ : ndarray [n, D]
    width_ : ndarray []
        1 / (D · variance of all cells).
    coef_ : ndarray [n, K]
    intercept_ : ndarray [K]
    """

    learnt = ("landmarks", "width", "coef", "intercept")

    def fit(self, rows: TrainingRows) -> Self:
        """See `Member.fit`."""
        self.landmarks_ = rows.x
        self.width_ = np.asarray(1.0 / (rows.x.shape[1] * rows.every.variance))
        values, vectors = np.linalg.eigh(self._kernel(rows.x))
        kept = values > SMALLEST
        features = vectors[:, kept] * np.sqrt(values[kept])
        coef, self.intercept_ = coefficients(features, rows.index, STRENGTH)
        self.coef_ = vectors[:, kept] / np.sqrt(values[kept]) @ coef
        return self

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """See `Member.probabilities`."""
        return softmax(self._kernel(x) @ self.coef_ + self.intercept_, axis=1)

    def _kernel(self, x: np.ndarray) -> np.ndarray:
        return np.exp(-self.width_ * cdist(x, self.landmarks_, "sqeuclidean"))
