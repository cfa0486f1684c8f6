"""Figures of a run: those that its data and model allow, on which rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ssvae.atomic_files import beside
from ssvae.label_vector import has_label
from ssvae.plots import primitives
from ssvae.readers import column_moments
from ssvae.readers.base import Rows
from ssvae.types import Dataset

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier

MAP_ROWS = 3000  # of a map of latents: more points hide each other
SHOWN = 10  # rows of a grid
NAMES = ("learning_curves", "confusion_matrix", "latent_map", "reconstructions", "analogies", "samples")  # of a run's


class Skipped(ValueError):
    """A figure that these data or this model do not have; the message is the reason."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure, cropped to its content."""
    with beside(path) as draft:
        figure.savefig(draft, bbox_inches="tight", pad_inches=0.08, metadata={"Software": None})


def save_all(plans: Mapping[str, Callable[[], Figure]], folder: Path) -> dict[str, str]:
    """Write every figure that there is as NAME.png, and return name -> why for those that were skipped."""
    skipped = {}
    for name, plan in plans.items():
        try:
            save(plan(), folder / f"{name}.png")
        except Skipped as reason:
            skipped[name] = str(reason)
    return skipped


def draw_all(
    classifier: SSVAEClassifier, dataset: Dataset, numbers: Mapping[str, object], folder: Path
) -> dict[str, str]:
    """Write every figure of a run.

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
        Name -> why, for the figures that were skipped.
    """
    plans: tuple[Callable[[], Figure], ...] = (
        lambda: primitives.learning_curves(classifier.history_),
        lambda: _confusion(classifier, numbers),
        lambda: latent_map(classifier, dataset),
        lambda: reconstructions(classifier, dataset),
        lambda: analogies(classifier, dataset),
        lambda: samples(classifier, dataset),
    )
    return save_all(dict(zip(NAMES, plans, strict=True)), folder)


def analogies(classifier: SSVAEClassifier, dataset: Dataset, rows: int = SHOWN) -> Figure:
    """Draw analogies of test rows, the same latent with every class: a grid of images, or a heat table."""
    x, y = examples(classifier, dataset, rows)
    swept = _or_skip(lambda: classifier.analogies(x))
    if dataset.image_shape is None:
        names = dataset.feature_names or tuple(f"column {n}" for n in range(x.shape[1]))
        spread = column_moments.standard_deviation(dataset.x, column_moments.mean(dataset.x))
        return primitives.heat_table(swept[0], classifier.classes_, names, spread)
    grid = _images(np.concatenate([x[:, None], swept], axis=1), dataset)
    title = "analogies: latent of the image, class of the column"
    return primitives.image_grid(grid, ["image", *classifier.classes_], y, title)


def reconstructions(classifier: SSVAEClassifier, dataset: Dataset, rows: int = SHOWN) -> Figure:
    """Draw images above their reconstructions."""
    _need_images(dataset)
    if not classifier.has_density:
        raise Skipped("the model does not generate x")
    x, _ = examples(classifier, dataset, rows)
    pairs = np.stack([x, _or_skip(lambda: classifier.reconstruct(x))])
    return primitives.image_grid(_images(pairs, dataset), rows=["image", "reconstruction"])


def samples(classifier: SSVAEClassifier, dataset: Dataset, rows: int = SHOWN) -> Figure:
    """Draw samples of the model, one column a class."""
    _need_images(dataset)
    classes = list(classifier.classes_)
    y = np.array(classes * rows)
    drawn = _or_skip(lambda: classifier.sample(len(y), y, random_state=0))
    return primitives.image_grid(
        _images(drawn.reshape(rows, len(classes), -1), dataset), classes, title="samples by class"
    )


def latent_map(classifier: SSVAEClassifier, dataset: Dataset) -> Figure:
    """Draw the latents of test rows on their principal axes."""
    x, y = _test_rows(classifier, dataset)
    latents = _or_skip(lambda: np.asarray(classifier.transform(x[:MAP_ROWS])))
    return primitives.latent_map(latents, y[:MAP_ROWS], classifier.classes_)


def examples(classifier: SSVAEClassifier, dataset: Dataset, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return test rows to show, sorted by class, about equally many of each."""
    x, y = _test_rows(classifier, dataset)
    rank = np.zeros(len(y), dtype=int)  # how many rows of the same class come before
    for name in classifier.classes_:
        rank[y == name] = np.arange(np.sum(y == name))
    shown = np.argsort(rank, kind="stable")[:rows]
    shown = shown[np.argsort(y[shown], kind="stable")]
    return np.asarray(x[shown]), y[shown]


def _test_rows(classifier: SSVAEClassifier, dataset: Dataset) -> tuple[Rows, np.ndarray]:
    """Return test rows with their labels; where there are none, the labelled rows that were learnt from."""
    x, y, what = dataset.x_test, dataset.y_test, "test row"
    if x is None or y is None:
        x, y, what = dataset.x, dataset.y, "row"
    known = has_label(y, classifier.unlabeled) & np.isin(y, classifier.classes_)
    if not known.any():
        raise Skipped(f"no {what} has a label of a known class")
    rows = np.flatnonzero(known)
    if x is dataset.x:
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MAP_ROWS)).astype(int)]
    return x[rows], y[rows]


def _confusion(classifier: SSVAEClassifier, numbers: Mapping[str, object]) -> Figure:
    if not numbers:
        raise Skipped("the data set has no test rows")
    title = f"error {numbers['error']:.2f} % of {numbers['rows']} test rows"
    return primitives.confusion_matrix(cast(ArrayLike, numbers["confusion"]), classifier.classes_, title)


def _or_skip(call: Callable[[], np.ndarray]) -> np.ndarray:
    """Return the result of a call that not every model supports; its ValueError is the reason to skip the figure."""
    try:
        return np.asarray(call())
    except ValueError as error:
        raise Skipped(str(error)) from error


def _need_images(dataset: Dataset) -> None:
    if dataset.image_shape is None:
        raise Skipped("the rows are not images")


def _images(rows: np.ndarray, dataset: Dataset) -> np.ndarray:
    return rows.reshape(*rows.shape[:2], *(dataset.image_shape or ()))
