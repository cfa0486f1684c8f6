"""A mixture of Gaussians, one a class and of one covariance, learnt by EM from rows with and without label.

References
----------
Text Classification from Labeled and Unlabeled Documents using EM (Nigam, McCallum, Thrun and Mitchell, 2000), whose
EM-λ counts a row without label less than one with.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.special import softmax

from ssvae.averaging.base import TrainingRows
from ssvae.averaging.linear import Linear

WEIGHT = 0.1  # of a row without label, where one with counts 1
ROUNDS = 20
RIDGE = 0.05  # added to the variances, where all rows together have variance 1
PSEUDO_ROWS = 1.0  # at the common mean, that each class has in addition
BETWEEN = 0.9  # of the variance between the first class means, which the first covariance leaves out
SMALLEST = 0.1  # variance at first


class GaussianMixture(Linear):
    """p(y) N(t; μ_y, Σ) in the whitened principal components t of all rows; its logits are linear in x.

    p(y) are the shares of the classes among the labelled rows.
    """

    uses_unlabelled = True

    def fit(self, rows: TrainingRows) -> Self:
        """See `Member.fit`."""
        center, project = rows.every.whitening
        labelled, every = (rows.x - center) @ project, (rows.every.x - center) @ project
        known = np.eye(rows.classes)[rows.index]
        log_prior = np.log(np.maximum(known.mean(axis=0), 1e-9))
        both = np.concatenate([labelled, every])
        means, _ = _estimate(labelled, known)
        covariance = _first_covariance(means, known.mean(axis=0))
        for _ in range(ROUNDS):
            coef, intercept = _logits(means, covariance, log_prior)
            taken = softmax(every @ coef + intercept, axis=1)
            means, covariance = _estimate(both, np.concatenate([known, WEIGHT * taken]))
        coef, intercept = _logits(means, covariance, log_prior)
        self.coef_ = project @ coef
        self.intercept_ = intercept - center @ self.coef_
        return self


def _estimate(t: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means [K, C] and the common covariance [C, C] of rows t [N, C] with class weights [N, K]."""
    rows, sums = weight.sum(axis=0), weight.T @ t
    means = sums / (rows + PSEUDO_ROWS)[:, np.newaxis]
    cross = means.T @ sums
    scatter = (t.T * weight.sum(axis=1)) @ t - cross - cross.T + (means.T * rows) @ means
    return means, scatter / rows.sum() + RIDGE * np.eye(t.shape[1])


def _first_covariance(means: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the covariance within classes [C, C] of rows that all together have covariance I."""
    within = (1.0 + RIDGE) * np.eye(means.shape[1]) - BETWEEN * (means.T * share) @ means
    values, vectors = np.linalg.eigh(within)
    return (vectors * np.maximum(values, SMALLEST)) @ vectors.T


def _logits(means: np.ndarray, covariance: np.ndarray, log_prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [C, K] and intercepts [K] of log p(y) N(t; μ_y, Σ), but for what all classes share."""
    coef = np.linalg.solve(covariance, means.T)
    return coef, log_prior - 0.5 * (means.T * coef).sum(axis=0)
