"""Collapse of a trained classifier: labels that are not learnt, answers at chance, a class that takes or loses all.

Labelled rows alone do not show it, for a network can learn thirty of them by heart and give all others one class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

TAKEN, LOST = 6.0, 20.0  # times the odds of a class, at which it takes the unlabelled rows; a rare class may be lost
CHANCE = 0.1  # of the way from 1/K to 1: a mean confidence below it is chance
STRANGE = 0.1  # what answers have in `common` with plain classifiers' at least, from 0 to 1
HALF = 0.5  # of the labelled rows that the most frequent class misses: so many errors at most are called learnt
FEWEST = 50  # unlabelled rows, of which shares are spoken of
REMEDY = "fit again with regularizers=[], with more labels, or with model='supervised'"


def describe(
    labelled: np.ndarray,
    index: np.ndarray,
    unlabelled: np.ndarray,
    prior: np.ndarray,
    plain: Sequence[np.ndarray],
    classes: Sequence[object],
) -> str | None:
    """Return one sentence that names a collapse and what to do, or None where there is none.

    Parameters
    ----------
    labelled, unlabelled : ndarray [N_l, K], [N_u, K]
        q(y | x) of the rows.
    index : ndarray [N_l]
        Class index of the labelled rows.
    prior : ndarray [K]
        p(y).
    plain : sequence of ndarray [N_u]
        The class index of each unlabelled row by plain classifiers, such as `nearest`: a pool that has few rows of a
        class has few by them, too.
    classes : sequence of K
        Their names.
    """
    right, most = int(np.sum(labelled.argmax(axis=1) == index)), int(np.bincount(index).max())
    if right <= most:
        return (
            f"the labels were not learnt: {1 - right / len(index):.0%} of the labelled rows are misclassified, where "
            f"the most frequent class alone misses {1 - most / len(index):.0%}; train longer (epochs), raise alpha, "
            f"or {REMEDY}"
        )
    if len(unlabelled) < FEWEST or len(index) - right > HALF * (len(index) - most):  # half learnt is no collapse
        return None
    count, confidence = len(prior), float(unlabelled.max(axis=1).mean())
    if confidence < 1.0 / count + CHANCE * (1.0 - 1.0 / count):
        return (
            f"the unlabelled rows are classified at chance: their mean confidence is {confidence:.0%} with {count} "
            f"classes, while the labelled rows are learnt; {REMEDY}"
        )
    answers = unlabelled.argmax(axis=1)
    found = _one_sided(_shares(answers, count), prior, [_shares(each, count) for each in plain], classes)
    if found is None and max(common(answers, each, count) for each in plain) < STRANGE:
        found = (
            "the answers on unlabelled rows have nothing in common with those of plain classifiers (nearest class mean "
            f"and nearest labelled row), though the labelled rows are learnt: these were learnt by heart; {REMEDY}"
        )
    return found


def common(answers: np.ndarray, plain: np.ndarray, count: int) -> float:
    """Return how much more often a plain classifier says c where the answer is c, mean over c: 1 always, 0 by chance.

    Unlike Cohen's κ it does not fall where one class has most of the answers.

    Parameters
    ----------
    answers, plain : ndarray [N]
        Class indices below `count`.
    """
    rows = np.bincount(answers, minlength=count)
    there = rows > 0
    each = np.bincount(answers, weights=answers == plain, minlength=count)[there] / rows[there]
    chance = np.bincount(plain, minlength=count)[there] / len(plain)
    return float(np.mean((each - chance) / np.maximum(1.0 - chance, 1e-12)))


def _shares(index: np.ndarray, count: int) -> np.ndarray:
    """Return the share of each class, never 0 or 1."""
    return (np.bincount(index, minlength=count) + 0.5) / (len(index) + 1.0)


def _one_sided(
    share: np.ndarray, prior: np.ndarray, plain: Sequence[np.ndarray], classes: Sequence[object]
) -> str | None:
    odds, *others = (part / (1.0 - part) for part in (share, np.clip(prior, 1e-6, 1.0 - 1e-6), *plain))
    gain = odds / np.max(others, axis=0)
    loss = np.min(others, axis=0) / odds
    k, takes = int(np.argmax(gain)), True
    if gain[k] < TAKEN:
        k, takes = int(np.argmax(loss)), False
        if loss[k] < LOST:
            return None
    return (
        f"class {classes[k]!r} {'takes' if takes else 'keeps'} {share[k]:.1%} of the unlabelled rows, where p(y) has "
        f"{prior[k]:.0%} and plain classifiers {' and '.join(f'{own[k]:.0%}' for own in plain)}; if the rows are not "
        f"so, {REMEDY}"
    )


def nearest(labelled: np.ndarray, index: np.ndarray, unlabelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of the nearest class mean and of the nearest labelled row, [N_u] each, by Euclidean distance.

    Parameters
    ----------
    labelled, unlabelled : ndarray [N_l, D], [N_u, D]
        Rows; cells that are missing (NaN) stand at the column's mean.
    index : ndarray [N_l]
        Class index of the labelled rows, of which every class has some.
    """
    every = np.concatenate([labelled, unlabelled]).astype(np.float32)
    known = ~np.isnan(every)
    every = np.where(known, every, 0.0)
    centred = np.where(known, every - every.sum(axis=0) / np.maximum(known.sum(axis=0), 1), 0.0)
    rows, others = centred[: len(labelled)], centred[len(labelled) :]
    means = np.stack([rows[index == k].mean(axis=0) for k in range(int(index.max()) + 1)])
    return _closest(means, others), index[_closest(rows, others)]


def _closest(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return (np.square(points).sum(axis=1) - 2.0 * rows @ points.T).argmin(axis=1)
