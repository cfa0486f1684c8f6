"""scikit-learn classifiers on M1's latents: saved as arrays and refitted at load.

The paper puts a transductive SVM and nearest neighbours on M1's features. The transductive SVM has no maintained
implementation in Python: "self_training" (an SVM) and "label_spreading" stand in for it, "knn" for M1+KNN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax

from ssvae.registry import unknown

NAMES = ("knn", "label_spreading", "logistic_regression", "self_training", "svm")


def make(name: str, **arguments: Any) -> Any:
    """Return the unfitted scikit-learn classifier of a name, its arguments over the defaults here.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
    from sklearn.svm import SVC

    if name == "knn":
        return KNeighborsClassifier(**{"n_neighbors": 1, **arguments})
    if name == "label_spreading":
        return LabelSpreading(**{"kernel": "knn", "n_neighbors": 10, "alpha": 0.9, "max_iter": 100, **arguments})
    if name == "logistic_regression":
        return LogisticRegression(**{"max_iter": 1000, **arguments})
    if name == "svm":
        return SVC(**{"C": 100.0, "gamma": "scale", **arguments})
    if name == "self_training":
        # k_best counts rows, so that no probability of an SVM with few labels has to be trusted
        svm = SVC(C=100.0, gamma="scale", probability=True, random_state=0)
        return SelfTrainingClassifier(svm, **{"threshold": 0.95, "max_iter": 5, **arguments})
    raise ValueError(unknown("classifier", name, list(NAMES)))


def fit(slot: str | dict[str, Any], features: np.ndarray, index: np.ndarray) -> Any:
    """Fit the classifier on latents [N, Z] with class index [N], -1 where there is no label.

    Supervised classifiers see the labelled rows only.
    """
    arguments = {"name": slot} if isinstance(slot, str) else dict(slot)
    classifier = make(arguments.pop("name", ""), **arguments)
    scale = features.std(axis=0) + 1e-6
    rows, y = features / scale, index
    if not hasattr(classifier, "transduction_") and not _is_transductive(classifier):
        rows, y = rows[index >= 0], index[index >= 0]
    classifier.fit(rows, y)
    classifier.scale_ = scale
    return classifier


def _is_transductive(classifier: Any) -> bool:
    return type(classifier).__module__.startswith("sklearn.semi_supervised")


def probabilities(classifier: Any, features: np.ndarray) -> np.ndarray:
    """Return class probabilities [N, K] for latents [N, Z]; softmax of the decision values where there are none."""
    rows = features / classifier.scale_
    if hasattr(classifier, "predict_proba"):
        found = classifier.predict_proba(rows)
    else:
        decision = classifier.decision_function(rows)
        found = softmax(np.stack([-decision, decision], 1) if decision.ndim == 1 else decision, axis=1)
    return np.nan_to_num(found, nan=1.0 / found.shape[1])
