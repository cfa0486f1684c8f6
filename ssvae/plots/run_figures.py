"""The pictures of a run: which rows are shown, and which pictures its data and model allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ssvae.atomic_files import beside
from ssvae.plots import primitives
from ssvae.readers import column_moments
from ssvae.readers.base import Rows
from ssvae.splits import has_label
from ssvae.types import Dataset

MAP_ROWS = 3000  # more points than this hide each other
SHOWN = 10  # rows of a grid


class Skipped(ValueError):
    """A picture that these data or this model have not; the message is the reason."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure, cut to what is drawn."""
    with beside(path) as draft:
        figure.savefig(draft, bbox_inches="tight", pad_inches=0.08, metadata={"Software": None})


def save_all(plans: Mapping[str, Callable[[], Figure]], folder: Path) -> dict[str, str]:
    """Write every picture that there is as NAME.png, and return name -> why for those that were skipped."""
    skipped = {}
    for name, plan in plans.items():
        try:
            save(plan(), folder / f"{name}.png")
        except Skipped as reason:
            skipped[name] = str(reason)
    return skipped


def draw_all(classifier: Any, dataset: Dataset, numbers: dict[str, Any], folder: Path) -> dict[str, str]:
    """Write every picture of a run.

    Parameters
    ----------
    classifier : SSVAEClassifier
        Fitted.
    dataset : Dataset
    numbers : dict
        `ssvae.evaluation.metrics.evaluate` on the test rows; empty where there are none.
    folder : Path
        Where the .png files go.

    Returns
    -------
    dict
        Name -> why it was skipped, for the pictures that were.
    """
    plans: dict[str, Callable[[], Figure]] = {
        "learning_curves": lambda: primitives.learning_curves(classifier.history_),
        "confusion_matrix": lambda: _confusion(classifier, numbers),
        "latent_map": lambda: latent_map(classifier, dataset),
        "reconstructions": lambda: reconstructions(classifier, dataset),
        "analogies": lambda: analogies(classifier, dataset),
        "samples": lambda: samples(classifier, dataset),
    }
    return save_all(plans, folder)


def analogies(classifier: Any, dataset: Dataset, rows: int = SHOWN) -> Figure:
    """Draw test rows with their latent kept and their class changed: a grid of images, or a heat table."""
    x, y = examples(classifier, dataset, rows)
    swept = _asked(classifier, "analogies", x)
    if dataset.image_shape is None:
        names = dataset.feature_names or tuple(f"column {n}" for n in range(x.shape[1]))
        spread = column_moments.standard_deviation(dataset.x, column_moments.mean(dataset.x))
        return primitives.heat_table(swept[0], classifier.classes_, names, spread)
    grid = _images(np.concatenate([x[:, None], swept], axis=1), dataset)
    return primitives.image_grid(grid, ["test", *classifier.classes_], y)


def reconstructions(classifier: Any, dataset: Dataset, rows: int = SHOWN) -> Figure:
    """Draw test images above what the model makes of them."""
    _need_images(dataset)
    if not classifier.has_density:
        raise Skipped("the model does not generate x")
    x, _ = examples(classifier, dataset, rows)
    pairs = np.stack([x, _asked(classifier, "reconstruct", x)])
    return primitives.image_grid(_images(pairs, dataset), rows=["test image", "reconstruction"])


def samples(classifier: Any, dataset: Dataset, rows: int = SHOWN) -> Figure:
    """Draw samples of the model, one column a class; of a model without classes in p(x, z), a square."""
    _need_images(dataset)
    classes = list(classifier.classes_)
    drawn = _asked(classifier, "sample", rows * len(classes), np.array(classes * rows), random_state=0)
    return primitives.image_grid(_images(drawn.reshape(rows, len(classes), -1), dataset), classes)


def latent_map(classifier: Any, dataset: Dataset) -> Figure:
    """Draw the latents of test rows on their principal axes."""
    x, y = _test_rows(classifier, dataset)
    return primitives.latent_map(_asked(classifier, "transform", x[:MAP_ROWS]), y[:MAP_ROWS], classifier.classes_)


def examples(classifier: Any, dataset: Dataset, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return test rows to show, one class after another, as many of each as there is room for."""
    x, y = _test_rows(classifier, dataset)
    rank = np.zeros(len(y), dtype=int)  # how many rows of the same class come before
    for name in classifier.classes_:
        rank[y == name] = np.arange(np.sum(y == name))
    shown = np.argsort(rank, kind="stable")[:rows]
    shown = shown[np.argsort(y[shown], kind="stable")]
    return np.asarray(x[shown]), y[shown]


def _test_rows(classifier: Any, dataset: Dataset) -> tuple[Rows, np.ndarray]:
    if dataset.x_test is None or dataset.y_test is None:
        raise Skipped("the data set has no test rows")
    known = has_label(dataset.y_test, classifier.unlabeled) & np.isin(dataset.y_test, classifier.classes_)
    if not known.any():
        raise Skipped("no test row has a label of a known class")
    return dataset.x_test[known], dataset.y_test[known]


def _confusion(classifier: Any, numbers: dict[str, Any]) -> Figure:
    if not numbers:
        raise Skipped("the data set has no test rows")
    title = f"error {numbers['error']:.2f} % of {numbers['rows']} test rows"
    return primitives.confusion_matrix(numbers["confusion"], classifier.classes_, title)


def _asked(classifier: Any, method: str, *arguments: Any, **options: Any) -> np.ndarray:
    """Ask the classifier for something that not every model has; its ValueError says why."""
    try:
        return np.asarray(getattr(classifier, method)(*arguments, **options))
    except ValueError as error:
        raise Skipped(str(error)) from error


def _need_images(dataset: Dataset) -> None:
    if dataset.image_shape is None:
        raise Skipped("the rows are not images")


def _images(rows: np.ndarray, dataset: Dataset) -> np.ndarray:
    return rows.reshape(*rows.shape[:2], *(dataset.image_shape or ()))
