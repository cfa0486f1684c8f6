"""Errors of plain classifiers on the labelled rows of a user's own table, by repeated cross-validation.

The folds are stratified, and rows of one group stay together. The classifiers are those that anybody would try first:
the reference that a generative model has to be better than.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from ssvae.averaging.report import interval
from ssvae.readers.base import Rows

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

FOLDS, REPEATS = 5, 2
MOST, POOL = 2000, 2000  # labelled rows, and rows without a label, that are learnt from
CHOOSE = 8  # rows of each class: with fewer C is 1
TREES = 100
SMALLEST = 1e-6  # probability in a logarithm
Numbers: TypeAlias = dict[str, object]


class Plain(NamedTuple):
    """A classifier of scikit-learn, not fitted."""

    classifier: ClassifierMixin
    of_all: bool = False  # whether it learns from rows without a label (-1), too


def cross_validate(x: Rows, labeled: np.ndarray, y: np.ndarray, seed: int, groups: np.ndarray | None = None) -> Numbers:
    """Return the errors of plain classifiers on labelled rows that they did not learn from.

    Parameters
    ----------
    x : Rows [N, D]
        NaN where a cell is missing.
    labeled : ndarray [n]
        Numbers of the rows with a label.
    y : ndarray [N]
        Labels.
    seed : int
        Decides the folds and the classifiers.
    groups : ndarray [N], optional
        Rows of one group are in one fold.

    Returns
    -------
    dict
        ``rows``, ``folds``, ``repeats``, ``copies`` (labelled rows that are the same as another), and ``errors``: by
        classifier ``error``, ``low`` and ``high`` (%, the interval of 95 % by Wilson for so many rows) and ``nll``.
        Empty where rows are on disk or sparse, or a class has one row alone.
    """
    if not isinstance(x, np.ndarray):
        return {}
    rng = np.random.default_rng(seed)
    chosen = _some(labeled, MOST, rng)
    index = np.unique(y[chosen], return_inverse=True)[1]
    own = None if groups is None else np.unique(groups[chosen].astype(str), return_inverse=True)[1]
    folds = fewest(index, own)
    if folds < 2:
        return {}
    rows, others = x[chosen], x[_some(np.setdiff1d(np.arange(len(x)), labeled), POOL, rng)]
    dealt = [deal(index, own, folds, seed + repeat) for repeat in range(REPEATS)]
    errors = {name: _errors(plain, rows, index, others, dealt) for name, plain in classifiers(index, seed).items()}
    copies = len(rows) - len(np.unique(np.nan_to_num(rows, nan=-1e30), axis=0))
    return {"rows": len(rows), "folds": folds, "repeats": REPEATS, "copies": copies, "errors": errors}


def fewest(index: np.ndarray, groups: np.ndarray | None = None) -> int:
    """Return how many folds there can be: as many as the smallest class has rows, or groups; `FOLDS` at most."""
    counts = [len(np.unique(np.flatnonzero(index == k) if groups is None else groups[index == k])) for k in {*index}]
    return min(FOLDS, *counts, len(index))


def deal(index: np.ndarray, groups: np.ndarray | None, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row [n]: classes in equal shares, groups whole."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    found = np.zeros(len(index), int)
    for number, (_, held) in enumerate(kind(folds, shuffle=True, random_state=seed).split(index, index, groups)):
        found[held] = number
    return found


def classifiers(index: np.ndarray, seed: int) -> Mapping[str, Plain]:
    """Return the classifiers, of which those by logistic regression choose its C where each class has some rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.semi_supervised import SelfTrainingClassifier

    def filled(classifier: ClassifierMixin) -> ClassifierMixin:
        steps = SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler()
        return make_pipeline(*steps, classifier)

    plain = LogisticRegression(max_iter=500)
    chosen = LogisticRegressionCV(Cs=5, cv=3, scoring="neg_log_loss", max_iter=500)
    boosting = HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=5, early_stopping=False, random_state=seed)
    return {
        "logistic regression": Plain(filled(chosen if np.bincount(index).min() >= CHOOSE else plain)),
        "random forest": Plain(filled(RandomForestClassifier(TREES, random_state=seed))),
        "gradient boosting": Plain(boosting),
        "self-training": Plain(filled(SelfTrainingClassifier(plain, threshold=0.9)), of_all=True),
    }


def _errors(plain: Plain, rows: np.ndarray, index: np.ndarray, others: np.ndarray, dealt: list[np.ndarray]) -> Numbers:
    """Return error with its interval and NLL of one classifier."""
    wrong, loss = [], []
    for fold in dealt:
        for number in range(int(fold.max()) + 1):
            held = fold == number
            found = _predicted(plain, rows, np.where(held, -1, index), others, int(index.max()) + 1)[held]
            wrong.append(found.argmax(axis=1) != index[held])
            loss.append(-np.log(np.maximum(found[np.arange(held.sum()), index[held]], SMALLEST)))
    share = float(np.concatenate(wrong).mean())
    low, high = interval(share, len(index))
    nll = float(np.concatenate(loss).mean())
    return {"error": 100 * share, "low": 100 * low, "high": 100 * high, "nll": nll}


def _predicted(plain: Plain, rows: np.ndarray, index: np.ndarray, others: np.ndarray, classes: int) -> np.ndarray:
    """Return probabilities [n, K] of all rows by a classifier that saw the classes that are not -1."""
    from sklearn.base import clone

    known = index >= 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence, and of changes to come in scikit-learn
        learner = clone(plain.classifier)
        if plain.of_all:
            learner.fit(np.concatenate([rows, others]), np.append(index, np.full(len(others), -1)))
        else:
            learner.fit(rows[known], index[known])
        own = learner.predict_proba(rows)
    found = np.zeros((len(rows), classes))
    found[:, learner.classes_] = own
    return found


def _some(numbers: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return numbers if len(numbers) <= most else np.sort(rng.choice(numbers, most, replace=False))
