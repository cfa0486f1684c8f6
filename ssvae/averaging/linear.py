"""What predicts by logits that are linear in the columns, and logistic regression's weights."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from ssvae.averaging.base import Member


class Linear(Member):
    """softmax(x @ coef + intercept).

    Attributes
    ----------
    coef_ : ndarray [D, K]
    intercept_ : ndarray [K]
    """

    learnt = ("coef", "intercept")
    coef_: np.ndarray
    intercept_: np.ndarray

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """See `Member.probabilities`."""
        return softmax(x @ self.coef_ + self.intercept_, axis=1)


def coefficients(x: np.ndarray, index: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [D, K] and intercepts [K] of logistic regression; `strength` is the inverse of the penalty's."""
    fitted = LogisticRegression(C=strength, max_iter=1000).fit(x, index)
    coef, intercept = fitted.coef_.T, fitted.intercept_
    if len(fitted.classes_) > 2:
        return coef, intercept
    return np.hstack([0 * coef, coef]), np.hstack([0 * intercept, intercept])
