"""scikit-learn classifiers on M1's latents: saved as arrays and refitted at load.

The paper puts a transductive SVM and nearest neighbours on M1's features. The transductive SVM has no maintained
implementation in Python: "self_training" (an SVM) and "label_spreading" stand in for it, "knn" for M1+KNN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from ssvae import prediction
from ssvae.inference.base import Inference
from ssvae.models.base import Model
from ssvae.readers.base import Rows, take_rows
from ssvae.registry import slot_name, unknown
from ssvae.settings.checks import whole

# Of scikit-learn's solvers; of an SVM as many as LIBSVM itself allows.
MOST_ITERATIONS = {"label_spreading": 1_000_000, "logistic_regression": 1_000_000, "svm": 10_000_000}
NAMES = ("knn", "label_spreading", "logistic_regression", "self_training", "svm")


# A name, or a mapping with a name and the classifier's own arguments.
ClassifierSlot: TypeAlias = str | Mapping[str, object]


class Probabilistic(Protocol):
    """A scikit-learn classifier with class probabilities."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Learn from rows [n, Z] with class index [n], -1 where there is none."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return class probabilities [N, K]."""


def make(name: object, rows: int, **arguments: Any) -> Probabilistic:  # arguments: whatever scikit-learn's class takes
    """Return the unfitted scikit-learn classifier of a name for `rows` rows, its arguments over the defaults here.

    Self-training labels a tenth of the rows a round, those it is surest of, for ten rounds.

    Raises
    ------
    ValueError
        If the name is unknown, or scikit-learn could iterate without end.
    """
    most = MOST_ITERATIONS.get(str(name))
    if most is not None and "max_iter" in arguments:
        whole(f"max_iter of classifier {name!r}", arguments["max_iter"], 1, most)
    if name == "knn":
        return KNeighborsClassifier(**{"n_neighbors": 1, **arguments})
    if name == "label_spreading":
        # tol is of the sum over all rows: the last bit of convergence changes no class and takes most of the time
        default = {"kernel": "knn", "n_neighbors": 10, "alpha": 0.99, "tol": 1e-3 * rows, "max_iter": 1000}
        return LabelSpreading(**{**default, **arguments})
    if name == "logistic_regression":
        return LogisticRegression(**{"max_iter": 1000, **arguments})
    if name == "svm":
        return ScoredSVM(**{"C": 100.0, "gamma": "scale", "max_iter": most, **arguments})
    if name == "self_training":
        default = {"criterion": "k_best", "k_best": max(1, rows // 10)}
        return SelfTrainingClassifier(ScoredSVM(C=100.0, max_iter=MOST_ITERATIONS["svm"]), **{**default, **arguments})
    raise ValueError(unknown("classifier", name, list(NAMES)))


class ScoredSVM(SVC):
    """An SVM that takes the softmax of its decision values for probabilities, unless it was asked for calibrated ones.

    They are comparable and sum to one, which is all that ranking rows and classes needs.
    """

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return scores [n, K] that sum to one."""
        if self.probability is True:
            return super().predict_proba(X)
        decision = self.decision_function(X)
        return softmax(np.stack([-decision, decision], 1) if decision.ndim == 1 else decision, axis=1)


class FeatureClassifier(NamedTuple):
    """A fitted scikit-learn classifier with all that it takes to fit it again."""

    slot: ClassifierSlot
    classifier: Probabilistic
    rows: np.ndarray  # [n, Z] latents it was fitted on
    labels: np.ndarray  # [n] class index, -1 where there is no label

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return class probabilities [N, K] for latents [N, Z]; equal ones for a row that no label reaches."""
        found = self.classifier.predict_proba(features)
        return np.nan_to_num(found, nan=1.0 / found.shape[1])


def learns_from(slot: ClassifierSlot, index: np.ndarray) -> np.ndarray:
    """Return which rows a classifier learns from, [N] bool: the labelled ones, or all where it is semi-supervised."""
    semi_supervised = isinstance(_make(slot, len(index)), LabelSpreading | SelfTrainingClassifier)
    return np.ones(len(index), bool) if semi_supervised else index >= 0


def fit(slot: ClassifierSlot, rows: np.ndarray, index: np.ndarray) -> FeatureClassifier:
    """Fit a classifier on latents [n, Z] of the rows that it learns from, class index [n], -1 where there is no label.

    The latents keep their scale: one that M1 does not use has means close to zero, and would be all noise at the scale
    of the others.
    """
    return FeatureClassifier(slot, _make(slot, len(rows)).fit(rows, index), rows, index)


def fit_on(model: Model, x: Rows, index: np.ndarray, inference: Inference) -> FeatureClassifier:
    """Fit the classifier that a model names on the latents of preprocessed rows x [N, D] with class index [N]."""
    chosen = learns_from(model.classifier, index)
    features = prediction.over_rows(model, prediction.latents, take_rows(x, chosen), inference=inference)
    return fit(model.classifier, features, index[chosen])


def _make(slot: ClassifierSlot, rows: int) -> Probabilistic:
    if not isinstance(slot, str | Mapping):
        raise ValueError(f"classifier of a model must be a name, or a dict with its name and arguments, got {slot!r}")
    arguments = {} if isinstance(slot, str) else {key: value for key, value in slot.items() if key != "name"}
    return make(slot_name(slot) or "", rows, **arguments)
