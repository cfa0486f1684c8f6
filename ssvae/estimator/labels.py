"""Labels as users write them, and as numbers."""

from __future__ import annotations

import unicodedata
import warnings
from collections import Counter, defaultdict

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ssvae.label_vector import LabelContainer, check_classes, has_label, known_labels, label_array

# What NumPy and pandas write where a missing value becomes text.
WRITTEN_GAPS = ("nan", "None", "<NA>", "NaT")


def encode(y: LabelContainer, unlabeled: object) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes [K] and each row's class index [N] int32, -1 where there is no label.

    Raises
    ------
    ValueError
        If no row is labelled, only one class is, or y is no vector of classes of one type.
    """
    if np.ndim(np.asarray(unlabeled, object)):
        raise ValueError(f"unlabeled must be one value that marks rows without a label, or None, got {unlabeled!r}")
    known, labelled = known_labels(column_or_1d(label_array(y), warn=True), unlabeled)
    check_classes(known, len(labelled), unlabeled)
    if known.dtype.kind == "U":
        _warn_of_texts(known, unlabeled)
    check_classification_targets(known)
    classes, index = np.unique(known, return_inverse=True)
    result = np.full(len(labelled), -1, np.int32)
    result[labelled] = index
    return classes, result


def positions(y: LabelContainer, classes: np.ndarray) -> np.ndarray:
    """Return the index of each label [N] in `classes`.

    Raises
    ------
    ValueError
        If a label is none of the classes.
    """
    y = label_array(y)
    known = set(classes.tolist())
    for label in y.tolist():
        if label not in known:
            raise ValueError(f"unknown label {label!r}: fit did not see it, the classes are {classes.tolist()}")
    return np.searchsorted(classes, y.astype(classes.dtype))


def labelled_rows(y: LabelContainer, unlabeled: object, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of y are labelled [N] bool, and their labels in the dtype of `classes`.

    Raises
    ------
    ValueError
        If no row is labelled, or a label is none of the classes.
    """
    column: np.ndarray = column_or_1d(label_array(y), warn=True)
    known = has_label(column, unlabeled)
    if not known.any():
        raise ValueError("y has no labelled row to compare with")
    return known, classes[positions(column[known], classes)]


def _warn_of_texts(labels: np.ndarray, unlabeled: object) -> None:
    """Warn of classes that are texts of missing values or of the marker, and of those that look alike."""
    counts = Counter(labels.tolist())
    for text in (text for text in WRITTEN_GAPS if text in counts):
        warnings.warn(
            f"the text {text!r} in {counts[text]} rows of y is taken for a class: if these rows have no label, give "
            f"None or NaN itself (NumPy and pandas write it as text among words), or unlabeled={text!r}",
            UserWarning,
            stacklevel=3,
        )
    alike: dict[str, list[str]] = defaultdict(list)
    for text in counts:
        alike[_looks(text)].append(text)
    marker = None if unlabeled is None else _looks(str(unlabeled))
    for looks, texts in alike.items():
        shown = " and ".join(f"{text!r} ({counts[text]} rows)" for text in texts)
        if not looks or looks == marker:
            warnings.warn(f"labels {shown} look like none, and are taken for classes", UserWarning, stacklevel=3)
        elif len(texts) > 1:
            warnings.warn(f"labels {shown} look alike, and are classes of their own", UserWarning, stacklevel=3)


def _looks(text: str) -> str:
    """Return a text without blanks around it and signs that are not seen, each letter and digit in its plain form."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-")
    seen = "".join(sign for sign in plain if unicodedata.category(sign) not in ("Cf", "Cc")).strip()
    return seen.removesuffix(".0") if seen.removesuffix(".0").lstrip("-").isdecimal() else seen
