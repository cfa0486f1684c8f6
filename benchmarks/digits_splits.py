"""The digits' settings on splits of the 1,297 learning rows, and baselines there and on the 500 held-out rows.

Settings are compared on the splits only: 897 rows to learn from, 100 of them labelled, and 400 validation rows.

    python benchmarks/digits_splits.py
    python benchmarks/digits_splits.py --set classifier.model.latent=30
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from ssvae import SSVAEClassifier
from ssvae.datasets import digits
from ssvae.settings.files import assignment, load, merge
from ssvae.splits import choose_labeled, hide_labels

FIRST_SPLIT = 100  # seeds of the splits; the seeds below it are the draws of `draws.py`


def splits(count: int) -> Iterator[tuple[int, Any]]:
    """Yield the seed and (x, validation x, y, validation y)."""
    data = digits.load()
    for seed in range(FIRST_SPLIT, FIRST_SPLIT + count):
        yield seed, train_test_split(data.x, data.y, test_size=400, stratify=data.y, random_state=seed)


def nearest(x: np.ndarray, other: np.ndarray, y: np.ndarray, truth: np.ndarray, seed: int) -> float:
    """Return the error in % of one nearest neighbour with every label."""
    return 100.0 * float(np.mean(KNeighborsClassifier(1).fit(x, y).predict(other) != truth))


def spreading(x: np.ndarray, other: np.ndarray, y: np.ndarray, truth: np.ndarray, seed: int) -> float:
    """Return the error in % of label spreading with 100 labels."""
    partly = hide_labels(y, choose_labeled(y, 100, seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return 100.0 * float(np.mean(LabelSpreading(gamma=5, max_iter=200).fit(x, partly).predict(other) != truth))


def say(name: str, errors: list[float]) -> None:
    """Print a line of errors."""
    print(f"{name}: {np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f} %, worst {max(errors):.2f}", flush=True)


@click.command(help=__doc__.split("\n")[0])
@click.option("--splits", "count", default=8)
@click.option("--set", "assignments", multiple=True, help="A setting by its path.")
def main(count: int, assignments: tuple[str, ...]) -> None:
    """Print a line for each method and set of rows."""
    data = digits.load()
    for name, method in (("one nearest neighbour, all labels", nearest), ("LabelSpreading, 100 labels", spreading)):
        say(f"{name}, splits", [method(*parts, seed) for seed, parts in splits(count)])
        held = [method(data.x, data.x_test, data.y, data.y_test, seed) for seed in range(10)]
        say(f"{name}, held-out rows, 10 draws", held)
    chosen = merge(load("digits").values, *[assignment(text).values for text in assignments])["classifier"]
    errors = []
    for seed, (x, other, y, truth) in splits(count):
        classifier = SSVAEClassifier(**chosen, random_state=seed).fit(x, hide_labels(y, choose_labeled(y, 100, seed)))
        errors.append(100.0 * (1.0 - classifier.score(other, truth)))
    say(f"{' '.join(assignments) or 'as shipped'}, splits", errors)


if __name__ == "__main__":
    main()
