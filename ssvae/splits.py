"""Splits of labelled data: which labels are kept or hidden and which rows are held out, as functions of (y, seed)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssvae.label_vector import LabelContainer, known_labels, label_array


def choose_labeled(y: LabelContainer, labels: int, seed: int, unlabeled: object = -1) -> np.ndarray:
    """Draw the rows that keep their label: as many of each class as of every other.

    Each of the K classes gives ``labels // K`` rows; the ``labels % K`` that are left come one each from classes that
    the seed chooses. Asking for exactly all rows that have a label returns them all, whatever their class counts.

    Parameters
    ----------
    y : array-like of shape [N]
        Labels; rows labelled `unlabeled` are never drawn.
    labels : int
        Rows to draw.
    seed : int
        Decides the draw together with `y`, and nothing else does.
    unlabeled : object, default=-1
        The label of rows that have none.

    Returns
    -------
    ndarray of int64, shape [labels]
        Row numbers, ascending.

    Raises
    ------
    ValueError
        If there are fewer labels than classes, or a class has fewer rows than its share.

    Examples
    --------
    >>> choose_labeled([0, 0, 0, 1, 1, 1], labels=2, seed=0).tolist()
    [2, 4]
    """
    rows, classes, inverse, counts = _labelled_rows(y, unlabeled)
    if labels == len(rows):
        return rows
    share, rest = _shares(labels, classes, counts)
    rng = np.random.default_rng(seed)
    wanted = np.full(len(classes), share)
    wanted[rng.choice(np.flatnonzero(counts > share), size=rest, replace=False)] += 1
    drawn = [rng.choice(rows[inverse == k], size=n, replace=False) for k, n in enumerate(wanted)]
    return np.sort(np.concatenate(drawn))


def hide_labels(y: LabelContainer, keep: npt.ArrayLike, unlabeled: object = -1) -> np.ndarray:
    """Return y with every label hidden but those of the rows in `keep`.

    Parameters
    ----------
    y : array-like of shape [N]
        Labels. Integers stay integers (unsigned and boolean ones become int64, to hold -1); strings become objects.
    keep : array-like of int
        Rows that keep their label.
    unlabeled : object, default=-1
        Written in all other rows.

    Returns
    -------
    ndarray of shape [N]
        A new array; `y` is unchanged.

    Examples
    --------
    >>> hide_labels([3, 4, 5], keep=[1]).tolist()
    [-1, 4, -1]
    """
    y = label_array(y)
    marker_is_number = isinstance(unlabeled, (int, np.integer)) and not isinstance(unlabeled, bool)
    if y.dtype.kind in "ub" and marker_is_number and int(y.max(initial=0)) <= np.iinfo(np.int64).max:
        y = y.astype(np.int64)
    fits = y.dtype.kind in "if" and marker_is_number
    kind = np.result_type(y.dtype, np.min_scalar_type(int(unlabeled))) if fits else np.dtype(object)  # type: ignore[call-overload]
    hidden = np.full(y.shape, unlabeled, dtype=kind)
    hidden[np.asarray(keep, dtype=np.int64)] = y[np.asarray(keep, dtype=np.int64)]
    return hidden


def holdout(y: LabelContainer, rows_or_share: float, seed: int, unlabeled: object = -1) -> np.ndarray:
    """Choose rows to hold out, of each class in proportion to its size.

    Parameters
    ----------
    y : array-like of shape [N]
        Labels; rows labelled `unlabeled` are never held out.
    rows_or_share : int or float
        A number of rows (int), or a share of the labelled rows, in [0, 1) (float).
    seed : int
        Decides the choice together with `y`, and nothing else does.
    unlabeled : object, default=-1
        The label of rows that have none.

    Returns
    -------
    ndarray of int64
        Row numbers that are held out, ascending. Every class keeps at least one row.

    Raises
    ------
    ValueError
        If the share is not in [0, 1), or so many rows are asked for that a class would keep none.

    Examples
    --------
    >>> len(holdout([0] * 10 + [1] * 20, 0.1, seed=0))
    3
    """
    rows, classes, inverse, counts = _labelled_rows(y, unlabeled)
    wanted = _holdout_rows(rows_or_share, len(rows), len(classes))
    quota = counts * (wanted / max(len(rows), 1))
    taken = np.minimum(np.floor(quota).astype(np.int64), counts - 1)
    while taken.sum() < wanted:
        room = np.where(taken < counts - 1, quota - taken, -np.inf)
        taken[np.argmax(room)] += 1  # largest remainder first, so that the total is exact
    rng = np.random.default_rng(seed)
    held = [rng.choice(rows[inverse == k], size=n, replace=False) for k, n in enumerate(taken)]
    return np.sort(np.concatenate([np.empty(0, np.int64), *held]))


def _labelled_rows(y: LabelContainer, unlabeled: object) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows with a label, their classes, each row's class number and each class's count."""
    labels, known = known_labels(y, unlabeled)
    classes, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.flatnonzero(known), classes, inverse, counts


def _shares(labels: int, classes: np.ndarray, counts: np.ndarray) -> tuple[int, int]:
    """Return rows per class and rows left over; refuse what the classes cannot give."""
    if not len(classes):
        raise ValueError(
            f"labels={labels}, and no row has a label: name the column of labels with target (--target), or give an "
            "array y"
        )
    if labels < len(classes):
        raise ValueError(f"labels={labels} for {len(classes)} classes with a label; give at least one label per class")
    share, rest = divmod(labels, len(classes))
    smallest = int(np.argmin(counts))
    if counts[smallest] < share or np.sum(counts > share) < rest:
        name, most = str(classes[smallest]), counts[smallest]
        raise ValueError(
            f"labels={labels} needs {share + (rest > 0)} rows of a class, but class {name!r} has only {most}; "
            f"ask for at most {most * len(classes)} labels, or for all {counts.sum()}"
        )
    return share, rest


def _holdout_rows(rows_or_share: float, labelled: int, classes: int) -> int:
    """Turn rows or a share into a number of rows."""
    if isinstance(rows_or_share, (float, np.floating)):
        if not 0 <= rows_or_share < 1:
            raise ValueError(f"share {rows_or_share} to hold out; a share (float) is in [0, 1), rows are an int")
        wanted = min(round(rows_or_share * labelled), labelled - classes)
    else:
        wanted = int(rows_or_share)
    if not 0 <= wanted <= labelled - classes:
        raise ValueError(
            f"{wanted} rows to hold out of {labelled} with a label; "
            f"at most {labelled - classes}, so that each of the {classes} classes keeps one"
        )
    return wanted
