"""Weights of an average by out-of-fold loss, and temperatures: both held back where labels are few.

References
----------
Using Stacking to Average Bayesian Predictive Distributions (Yao, Vehtari, Simpson and Gelman, 2018): pseudo-BMA, whose
weights are by the exponential of the cross-validated log score. On Calibration of Modern Neural Networks (Guo, Pleiss,
Sun and Weinberger, 2017): temperature scaling.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from scipy.special import softmax

LEARNING_RATE = 0.3  # of the log score: 1 would trust members of few rows too soon
ALIKE = 0.2  # share of the weight that all members have alike, whatever their loss
FLOOR = 0.02  # share of uniform probabilities in what is scored, so that one sure mistake does not decide
TEMPERATURES = np.geomspace(0.4, 4.0, 25)
PRIOR_ROWS = 10.0  # nats that a temperature e times too high or too low must gain


def losses(probabilities: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return −log p of each row's class, [..., n], of probabilities [..., n, K]."""
    return -np.log(np.maximum(probabilities[..., np.arange(len(index)), index], 1e-12))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return p^(1 / T), normalised over the last axis."""
    return softmax(np.log(np.maximum(probabilities, 1e-6)) / temperature, axis=-1)


def best_temperature(probabilities: np.ndarray, index: np.ndarray) -> float:
    """Return T of least loss on rows with class index [n] and probabilities [R, n, K], shrunk towards 1."""
    cost = [
        len(index) * float(losses(tempered(probabilities, temperature), index).mean())
        + PRIOR_ROWS * float(np.log(temperature)) ** 2
        for temperature in TEMPERATURES
    ]
    return float(TEMPERATURES[int(np.argmin(cost))])


def pseudo_bma(probabilities: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return weights [M] of members by their out-of-fold probabilities [M, R, n, K] of rows with class index [n]."""
    members, classes = len(probabilities), probabilities.shape[-1]
    scored = (1.0 - FLOOR) * probabilities + FLOOR / classes
    total = losses(scored, index).sum(axis=-1).mean(axis=-1)
    return (1.0 - ALIKE) * softmax(-LEARNING_RATE * total) + ALIKE / members


class Combination(NamedTuple):
    """How the probabilities of M members become those of their average."""

    temperatures: np.ndarray  # [M] of each member
    weights: np.ndarray  # [M]
    temperature: float  # of the average

    @classmethod
    def fit(cls, probabilities: np.ndarray, index: np.ndarray) -> Self:
        """Return the combination for out-of-fold probabilities [M, R, n, K] of rows with class index [n]."""
        members = len(probabilities)
        if not len(index):
            return cls(np.ones(members), np.full(members, 1.0 / members), 1.0)
        temperatures = np.array([best_temperature(own, index) for own in probabilities])
        scaled = _each_tempered(probabilities, temperatures)
        weights = pseudo_bma(scaled, index)
        return cls(temperatures, weights, best_temperature(np.tensordot(weights, scaled, 1), index))

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the average [..., K] of the members' probabilities [M, ..., K]."""
        mixed = np.tensordot(self.weights, _each_tempered(probabilities, self.temperatures), 1)
        return tempered(mixed, self.temperature)


def _each_tempered(probabilities: np.ndarray, temperatures: np.ndarray) -> np.ndarray:
    return np.stack([tempered(own, each) for own, each in zip(probabilities, temperatures, strict=True)])
