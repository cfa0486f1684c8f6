"""Multinomial logistic regression with an L2 penalty."""

from __future__ import annotations

from typing import Self

from ssvae.averaging.base import TrainingRows
from ssvae.averaging.linear import Linear, coefficients


class LogisticRegression(Linear):
    """That of scikit-learn, with its default penalty."""

    def fit(self, rows: TrainingRows) -> Self:
        """See `Member.fit`."""
        self.coef_, self.intercept_ = coefficients(rows.x, rows.index, strength=1.0)
        return self
