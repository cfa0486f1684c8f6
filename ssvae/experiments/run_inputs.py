"""What a run learns from: settings, data and the choice of labelled rows, checked before TensorFlow is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssvae.estimator.value_range import check_range_of_settings
from ssvae.experiments.run_folder import absolute, load_dataset
from ssvae.label_vector import check_classes, has_label, known_labels
from ssvae.settings.checks import Settings
from ssvae.settings.ranges import check_ranges
from ssvae.splits import choose_labeled, hide_labels
from ssvae.types import Dataset


class RunInputs(NamedTuple):
    """The inputs of a run."""

    config: Settings  # resolved, with the full names of files
    dataset: Dataset
    labeled: np.ndarray  # [N_l] rows that keep their label
    y: np.ndarray  # [N] labels, those of all other rows hidden


def read_inputs(config: Settings) -> RunInputs:
    """Return the inputs that resolved settings name.

    Raises
    ------
    ValueError
        If a number is out of range, the data cannot be read or learnt from, or a saved model is not there.
    """
    config = absolute(config)
    classifier = config["classifier"]
    check_ranges(classifier)
    _check_trained(classifier["model"])
    dataset = load_dataset(config)
    labeled, y = split(config, dataset)
    known = known_labels(y, classifier["unlabeled"])[0]
    check_classes(known, len(y), classifier["unlabeled"])
    for part, labels in (("validation", dataset.y_valid), ("test", dataset.y_test)):
        if labels is not None:
            _check_held_out(part, known_labels(labels, classifier["unlabeled"])[0], np.unique(known))
    check_range_of_settings(classifier, dataset.x)
    return RunInputs(config, dataset, labeled, y)


def split(config: Settings, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that keep their label, and y with all other labels hidden; without `labels` all are kept."""
    unlabeled, labels = config["classifier"]["unlabeled"], config["dataset"]["labels"]
    if labels is None:
        rows = np.flatnonzero(has_label(dataset.y, unlabeled))
        return rows, dataset.y
    rows = choose_labeled(dataset.y, labels, config["seed"], unlabeled)
    return rows, hide_labels(dataset.y, rows, unlabeled)


def _check_held_out(part: str, labels: np.ndarray, classes: np.ndarray) -> None:
    """Check that the labels of held-out rows are of classes that are learnt, or each would count as an error."""
    learnt = set(classes.tolist())
    strange = [label for label in labels.tolist() if label not in learnt]
    if strange:
        raise ValueError(
            f"{len(strange)} of the {part} rows have labels that no row to learn from has, such as {strange[0]!r}; the "
            f"classes are {classes.tolist()[:10]}: write labels alike, and leave out rows of other classes"
        )


def _check_trained(model: object) -> None:
    """Check that the folder of a trained M1, which a slot of a model may name, holds a saved classifier."""
    first = model.get("m1") if isinstance(model, Mapping) else None
    folder = first.get("trained") if isinstance(first, Mapping) else None
    if folder is not None and not (Path(str(folder)) / "manifest.json").is_file():
        raise ValueError(f"model.m1.trained: {folder} is not a saved classifier: it has no manifest.json")
