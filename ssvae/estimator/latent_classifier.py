"""scikit-learn classifiers on M1's latents: saved as arrays and refitted at load.

The paper puts a transductive SVM and nearest neighbours on M1's features. The transductive SVM has no maintained
implementation in Python: "self_training" (an SVM) and "label_spreading" stand in for it, "knn" for M1+KNN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from ssvae.registry import unknown

NAMES = ("knn", "label_spreading", "logistic_regression", "self_training", "svm")


def make(name: str, rows: int, **arguments: Any) -> Any:
    """Return the unfitted scikit-learn classifier of a name for `rows` rows, its arguments over the defaults here.

    Self-training labels a tenth of the rows a round, those it is surest of, for ten rounds.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if name == "knn":
        return KNeighborsClassifier(**{"n_neighbors": 1, **arguments})
    if name == "label_spreading":
        # tol is of the sum over all rows: the last bit of convergence changes no class and takes most of the time
        default = {"kernel": "knn", "n_neighbors": 10, "alpha": 0.99, "tol": 1e-3 * rows, "max_iter": 1000}
        return LabelSpreading(**{**default, **arguments})
    if name == "logistic_regression":
        return LogisticRegression(**{"max_iter": 1000, **arguments})
    if name == "svm":
        return SVC(**{"C": 100.0, "gamma": "scale", **arguments})
    if name == "self_training":
        default = {"criterion": "k_best", "k_best": max(1, rows // 10)}
        return SelfTrainingClassifier(ScoredSVM(C=100.0), **{**default, **arguments})
    raise ValueError(unknown("classifier", name, list(NAMES)))


class ScoredSVM(SVC):
    """An SVM whose softmax of decision values passes for probabilities, as self-training only ranks rows by them."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return scores [n, K] that sum to one."""
        return _softmax(self.decision_function(X))


def _softmax(decision: np.ndarray) -> np.ndarray:
    return softmax(np.stack([-decision, decision], 1) if decision.ndim == 1 else decision, axis=1)


class FeatureClassifier(NamedTuple):
    """A fitted scikit-learn classifier with all that it takes to fit it again."""

    slot: str | dict[str, Any]
    classifier: Any
    rows: np.ndarray  # [n, Z] latents it was fitted on
    labels: np.ndarray  # [n] class index, -1 where there is no label

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return class probabilities [N, K] for latents [N, Z].

        A classifier without probabilities gives the softmax of its decision values; a row that no label reaches, equal
        ones.
        """
        if isinstance(self.classifier, SVC) and self.classifier.probability in (False, "deprecated"):
            found = _softmax(self.classifier.decision_function(features))
        else:
            found = self.classifier.predict_proba(features)
        return np.nan_to_num(found, nan=1.0 / found.shape[1])


def seen(slot: str | dict[str, Any], index: np.ndarray) -> np.ndarray:
    """Return which rows a classifier learns from, [N] bool: the labelled ones, or all where it is semi-supervised."""
    return np.ones(len(index), bool) if _is_semi_supervised(_make(slot, len(index))) else index >= 0


def fit(slot: str | dict[str, Any], rows: np.ndarray, index: np.ndarray) -> FeatureClassifier:
    """Fit a classifier on latents [n, Z] of the rows that it learns from, class index [n], -1 where there is no label.

    The latents keep their scale: one that M1 does not use has means close to zero, and would be all noise at the scale
    of the others.
    """
    return FeatureClassifier(slot, _make(slot, len(rows)).fit(rows, index), rows, index)


def _make(slot: str | dict[str, Any], rows: int) -> Any:
    arguments = {"name": slot} if isinstance(slot, str) else dict(slot)
    return make(arguments.pop("name", ""), rows, **arguments)


def _is_semi_supervised(classifier: Any) -> bool:
    return isinstance(classifier, LabelSpreading | SelfTrainingClassifier)
