"""The cells that the step benchmarks share: networks of Kingma et al. (2014), batch sizes, and synthetic rows.

Both sides of a comparison read the same numbers here; neither TensorFlow nor torch is imported.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

ROWS, LABELLED, CLASSES = 10_000, 5_000, 10  # the rows with a label come first
BATCHES = (100, 500, 2000)  # of each stream: M2's steps see as many labelled as unlabelled rows
LEARNING_RATE, CLIP_NORM, ALPHA, FLOOR = 3e-4, 10.0, 0.1, -6.0


class Sizes(NamedTuple):
    """Widths of one model's networks."""

    features: int
    hidden: tuple[int, ...]  # of every network, the decoder's in reverse
    latent: int
    outputs: int  # of the decoder: one logit a pixel, or a mean and a log-variance a column
    classes: int  # 0 for a model without


SIZES = {
    "m1": Sizes(784, (600, 600), 50, 784, 0),
    "m2": Sizes(784, (500,), 50, 784, CLASSES),
    "m1_m2": Sizes(50, (500,), 50, 100, CLASSES),  # the second stage: M2 on fresh draws of z1
}


def cells(models: Iterable[str], batches: Iterable[int]) -> list[dict[str, Any]]:
    """Return every combination of model and batch size, as the cell that a worker gets."""
    return [{"model": model, "batch": batch} for model, batch in itertools.product(models, batches)]


def rows(model: str, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Return synthetic rows and classes [N]: grey levels [N, 784], or mean and log-variance of z1, [N, 50] each."""
    rng = np.random.default_rng(seed)
    y = rng.integers(CLASSES, size=ROWS)
    shape = (ROWS, SIZES[model].features)
    centre = rng.normal(size=(CLASSES, shape[1]))[y]
    if model == "m1_m2":
        mean = 0.7 * centre + 0.7 * rng.normal(size=shape)
        return (mean.astype(np.float32), rng.normal(-2.0, 0.3, shape).astype(np.float32)), y
    grey = 1.0 / (1.0 + np.exp(-3.0 * centre - rng.normal(size=shape)))
    return grey.astype(np.float32), y
