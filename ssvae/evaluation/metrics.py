"""Metrics of a fitted classifier on labelled rows: errors in percent, bounds in nats a row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from ssvae.label_vector import has_label, label_array
from ssvae.readers import sparse_table
from ssvae.readers.base import RowsInMemory
from ssvae.types import ArrayLike

if TYPE_CHECKING:  # this module stays light
    from ssvae.likelihoods.base import Likelihood
    from ssvae.objective import Objective
    from ssvae.preprocessing.base import Preprocessing

BINS = 15  # of equal width in confidence; the customary number for the expected calibration error
Numbers: TypeAlias = dict[str, Any]  # values of JSON by name: numbers, lists and dicts of them, words


class FittedClassifier(Protocol):
    """What is asked of a fitted `SSVAEClassifier`."""

    unlabeled: object
    classes_: np.ndarray
    likelihood_: Likelihood
    preprocessing_: Preprocessing
    objective_: Objective

    @property
    def has_density(self) -> bool:
        """Whether the model has bounds of log p(x)."""

    def predict_proba(self, X: ArrayLike, /) -> np.ndarray:
        """Return class probabilities [N, K]."""

    def bound(self, X: ArrayLike, /) -> np.ndarray:
        """Return a bound of log p(x) of each row, [N], nats."""

    def log_evidence(
        self, X: ArrayLike, samples: int, /, *, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """Return log p(x) of each row by importance sampling, [N], nats."""


def evaluate(
    classifier: FittedClassifier,
    x: ArrayLike | None,
    y: np.ndarray | None,
    log_p: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Numbers:
    """Measure a fitted classifier on the rows that have a label.

    Parameters
    ----------
    classifier : SSVAEClassifier
        Fitted.
    x : ndarray of shape [N, D]
    y : ndarray of shape [N]
    log_p : int, optional
        Importance samples a row (and class) for ``log_p``; without, it is left out.
    progress : callable, optional
        Receives the number of rows for which log p is done, and of all.

    Returns
    -------
    dict
        ``rows``, ``error`` (percent), ``recall`` (percent, by class), ``ece`` (expected calibration error, percent),
        ``nll`` (mean -log p(true class), nats), ``confusion`` (rows: true class, columns: predicted) and, for
        models with a bound, ``bound`` (mean over the rows of the lower bound of log p(x), nats), with ``perplexity``
        and ``wordless`` (how many rows it leaves out, having no word) where x are counts of words. ``log_p`` is the
        mean of log p(x) by ``log_p_samples`` importance samples, nats, at most log p(x) in expectation; ``steps``
        (of refinement, outside training) and ``binarisation`` (`binarisation`) hold for both.

    Raises
    ------
    ValueError
        If no row has a label, or `log_p` is given for a model that has none.
    """
    if x is None or y is None:
        raise ValueError("there are no rows with labels, so there is no error to measure")
    keep = has_label(y, classifier.unlabeled)
    if not keep.any():
        raise ValueError(f"none of the {len(keep)} rows has a label, so there is no error to measure")
    rows, y = sparse_table.as_rows(x)[keep], label_array(y)[keep]
    numbers = measure(classifier.classes_, y, classifier.predict_proba(rows))
    if not classifier.has_density:
        if log_p is not None:
            raise ValueError("log p needs a generative model: this one only classifies; leave log_p out")
        return numbers
    bounds = np.asarray(classifier.bound(rows))
    numbers["bound"] = float(bounds.mean())
    if classifier.likelihood_.in_order:
        numbers |= {
            "perplexity": perplexity(bounds, rows),
            "wordless": int(np.sum(rows.sum(axis=1) == 0)),
        }
    if log_p is not None:
        evidence = classifier.log_evidence(rows, log_p, progress=progress)
        numbers |= {"log_p": float(np.mean(evidence)), "log_p_samples": log_p, **circumstances(classifier, rows)}
    return numbers


def circumstances(classifier: FittedClassifier, x: RowsInMemory) -> Numbers:
    """Return what bounds and log p depend on beside model, rows and samples; see `evaluate`."""
    from ssvae.evaluation.log_likelihood import steps

    return {"steps": steps(classifier.objective_.inference), "binarisation": binarisation(classifier, x)}


def binarisation(classifier: FittedClassifier, x: RowsInMemory) -> str:
    """Return how a Bernoulli likelihood gets binary values from rows x [N, D].

    Returns
    -------
    str
        "resampled once": drawn from grey levels; "as they are": nothing is drawn; "none": another likelihood.
    """
    likelihood = classifier.likelihood_
    if not likelihood.binary:
        return "none"
    seen = sparse_table.stored_values(classifier.preprocessing_.transform(x))
    return "resampled once" if likelihood.resample and np.any((seen > 0) & (seen < 1)) else "as they are"


def measure(classes: np.ndarray, y: np.ndarray, probabilities: np.ndarray) -> Numbers:
    """Return every number that needs only labels [N] and class probabilities [N, K]; see `evaluate`.

    >>> numbers = measure(np.array([0, 1]), np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    >>> round(numbers["error"], 2), numbers["recall"], numbers["confusion"]
    (33.33, {'0': 100.0, '1': 50.0}, [[1, 0], [1, 1]])
    """
    true = np.array([np.flatnonzero(classes == label)[0] if label in classes else -1 for label in y])
    predicted = probabilities.argmax(axis=1)
    right, known = predicted == true, true >= 0  # a class that training never saw is an error, and has no column
    matrix = confusion(true[known], predicted[known], len(classes))
    with np.errstate(invalid="ignore"):
        recall = 100 * np.diag(matrix) / matrix.sum(axis=1)
    chosen = probabilities[known, true[known]]
    return {
        "rows": len(y),
        "error": 100 * int(np.sum(~right)) / len(y),
        "recall": {str(name): float(r) for name, r in zip(classes, recall, strict=True)},
        "ece": 100 * calibration_error(probabilities.max(axis=1), right),
        "nll": float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean()),
        "confusion": matrix.tolist(),
    }


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts [K, K]: rows are true classes, columns predicted ones."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: Σ_bins n_b / N |accuracy_b - confidence_b|, a share in [0, 1].

    References
    ----------
    On Calibration of Modern Neural Networks (Guo, Pleiss, Sun and Weinberger, 2017), eq. 3.
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right.astype(float) - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def bits_per_dim(bound: float, features: int, levels: int = 1) -> float:
    """Return a bound of a row's log-probability, in nats, as bits for each of its features.

    Parameters
    ----------
    bound : float
        Nats a row.
    features : int
        D
    levels : int
        Where the bound is of the density of grey levels spread over cells of width 1 / levels
        (``Gaussian(dequantize=levels)``), their number: log(levels) nats a feature make a probability of the density.

    Examples
    --------
    >>> bits_per_dim(-784 * 0.6931471805599453, 784)
    1.0
    >>> bits_per_dim(0.0, 3072, levels=256)
    8.0

    References
    ----------
    A note on the evaluation of generative models (Theis, van den Oord and Bethge, 2016), §3.1.
    """
    return (math.log(levels) - bound / features) / math.log(2)


def perplexity(bounds: np.ndarray, counts: RowsInMemory) -> float:
    """Return the perplexity per word of documents, exp(mean_d −bound_d / N_d), N_d the words of document d.

    Documents without words have none, and are left out.

    Parameters
    ----------
    bounds : ndarray of shape [N]
        Lower bounds of log p of the words in their order (`Multinomial` without its coefficient), nats.
    counts : ndarray of shape [N, D]
        How often each word stands in each document.

    Returns
    -------
    float
        NaN if no document has a word.

    Examples
    --------
    >>> round(perplexity(np.log([0.25, 0.5**6]), np.array([[2, 0], [1, 2]])), 6)  # as if of 2 and of 4 words
    2.828427

    References
    ----------
    Neural variational inference and learning in belief networks (Mnih and Gregor, 2014), for the mean over documents.
    """
    words = sparse_table.as_rows(counts).sum(axis=1)
    some = words > 0
    each = -np.asarray(bounds, np.float64)[some] / words[some]
    return float(np.exp(each.mean())) if some.any() else math.nan
