"""What out-of-fold predictions of the labelled rows say of the members and of their average, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ssvae.averaging.weights import Combination, losses

Numbers: TypeAlias = dict[str, float]
WIDTH = 1.96  # standard errors to both sides: 95 %


def interval(share: float, rows: int) -> tuple[float, float]:
    """Return the interval of 95 % of a share of so many rows, by Wilson (1927).

    >>> [round(bound, 3) for bound in interval(0.1, 50)]
    [0.043, 0.214]
    """
    half = WIDTH * np.sqrt(share * (1.0 - share) / rows + WIDTH**2 / (4 * rows**2)) / (1.0 + WIDTH**2 / rows)
    middle = (share + WIDTH**2 / (2 * rows)) / (1.0 + WIDTH**2 / rows)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def rates(probabilities: np.ndarray, index: np.ndarray) -> Numbers:
    """Return error in % and NLL in nats of rows with class index [n] and probabilities [R, n, K], with 95 % intervals.

    That of the error is Wilson's for n rows, however often each was predicted; that of the NLL is by the rows' spread.
    """
    wrong, loss = _of_rows(probabilities, index)
    share, spread = float(wrong.mean()), _standard_error(loss)
    low, high = interval(share, len(index))
    return {
        "error": 100.0 * share,
        "error_low": 100.0 * low,
        "error_high": 100.0 * high,
        "nll": float(loss.mean()),
        "nll_low": float(loss.mean()) - WIDTH * spread,
        "nll_high": float(loss.mean()) + WIDTH * spread,
    }


def difference(probabilities: np.ndarray, others: np.ndarray, index: np.ndarray) -> Numbers:
    """Return by how much error (%) and NLL of the first are above those of the others, with paired standard errors."""
    found: Numbers = {}
    pairs = zip(_of_rows(probabilities, index), _of_rows(others, index), strict=True)
    for (name, scale), (own, other) in zip((("error", 100.0), ("nll", 1.0)), pairs, strict=True):
        found[name] = scale * float((own - other).mean())
        found[f"{name}_se"] = scale * _standard_error(own - other)
    return found


def of_average(probabilities: np.ndarray, folds: Sequence[np.ndarray], index: np.ndarray) -> np.ndarray:
    """Return probabilities [R, n, K] of the average of members [M, R, n, K], its weights from the other folds' rows."""
    found = np.empty(probabilities.shape[1:])
    for repeat, fold in enumerate(folds):
        for held_out in (fold == number for number in np.unique(fold)):
            own = probabilities[:, repeat : repeat + 1]
            combination = Combination.fit(own[:, :, ~held_out], index[~held_out])
            found[repeat, held_out] = combination(own[:, 0, held_out])
    return found


def describe(
    out_of_fold: Mapping[str, np.ndarray],
    unlabelled: Mapping[str, bool],
    folds: Sequence[np.ndarray],
    index: np.ndarray,
) -> dict[str, Any]:
    """Return numbers on members by name, from their probabilities [R, n, K], and on their average.

    Parameters
    ----------
    out_of_fold : Mapping of str to ndarray [R, n, K]
    unlabelled : Mapping of str to bool
        Whether a member uses rows without label.
    folds : sequence of ndarray [n]
        The fold of each row, for each repeat.
    index : ndarray [n]
        The rows' class index.
    """
    every = of_average(np.stack([*out_of_fold.values()]), folds, index)
    plain = np.stack([own for name, own in out_of_fold.items() if not unlabelled[name]])
    without = of_average(plain, folds, index)
    return {
        "rows": len(index),
        "members": {name: rates(own, index) for name, own in out_of_fold.items()},
        "average": rates(every, index),
        "without_unlabelled": rates(without, index),
        "gain_of_unlabelled": difference(without, every, index),
    }


def _of_rows(probabilities: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each row is classified wrong, and its mean loss, [n] each."""
    return (probabilities.argmax(axis=-1) != index).mean(axis=0), losses(probabilities, index).mean(axis=0)


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
