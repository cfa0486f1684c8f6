"""Measures of a trained density: bounds and log p(x) in nats, perplexity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssvae.evaluation import log_likelihood
from ssvae.evaluation.metrics import perplexity
from ssvae.inference import INFERENCES

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier
    from ssvae.experiments.reproductions.base import Progress, RowResult


def _estimate(
    classifier: SSVAEClassifier, x: np.ndarray, inference: str | None, samples: int, progress: Progress | None
) -> log_likelihood.Estimate:
    """Return bounds and log p by the fitted inference method or another."""
    method = INFERENCES.build(inference) if inference else classifier.objective_.inference
    rows = log_likelihood.observed(classifier.model_, classifier.preprocessing_.transform(x), 1)
    return log_likelihood.estimate(classifier.model_, rows, samples, method, 1, progress)


def density(classifier: SSVAEClassifier, x: np.ndarray, samples: int, progress: Progress | None = None) -> RowResult:
    """Return −log p by importance sampling with its standard error, which one row does not have, and −bound, nats."""
    found = _estimate(classifier, x, None, samples, progress)
    numbers = {"negative_log_p": -found.log_p.mean(), "negative_bound": -found.bound.mean()}
    if len(x) > 1:
        numbers["standard_error"] = found.log_p.std(ddof=1) / np.sqrt(len(x))
    return {**{name: float(value) for name, value in numbers.items()}, "samples": samples}


def words(classifier: SSVAEClassifier, x: np.ndarray, samples: int, progress: Progress | None = None) -> RowResult:
    """Return perplexities exp(mean over documents of −log p / words), by log p and by the bound."""
    found = _estimate(classifier, x, None, samples, progress)
    return {
        "perplexity": perplexity(found.log_p, x),
        "perplexity_of_bound": perplexity(found.bound, x),
        "samples": samples,
    }


def refined(classifier: SSVAEClassifier, x: np.ndarray, samples: int, progress: Progress | None = None) -> RowResult:
    """Return the numbers of `density` by the model's own q_0, and by its inference method, which refines it."""
    before = _estimate(classifier, x, "amortized", samples, progress)
    own = {"bound_before": -before.bound.mean(), "log_p_before": -before.log_p.mean()}
    return {**{f"negative_{name}": float(v) for name, v in own.items()}, **density(classifier, x, samples, progress)}


MEASURES: dict[str, Callable[..., RowResult]] = {"density": density, "words": words, "refined": refined}
