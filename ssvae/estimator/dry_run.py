"""A dry run: every loss computed once, on one row, before anything is trained.

A combination of components that cannot work says so where it is computed, and that may be late: in the second stage of
a stack, after a warm-up by another method, or in the evaluation of what has been trained for hours.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np
import tensorflow as tf

from ssvae import prediction
from ssvae.backend.compile_cache import model_key
from ssvae.inference.base import Inference
from ssvae.models.base import Model
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, HasDensity, Stacked, class_count
from ssvae.objective import Objective
from ssvae.readers.base import Rows
from ssvae.types import Batch

SEED = prediction.FIXED_SEED
MOST = 1000  # combinations that are remembered
_passed: set[Hashable] = set()  # models, by their settings, with objectives: each combination is tried once a process


def dry_run(model: Model, objective: Objective, rows: Rows) -> None:
    """Compute the losses of every stage, and the bound after training, of the first of the preprocessed rows [N, D].

    Raises
    ------
    ValueError
        If the model, its likelihood and the parts of the objective do not go together.
    """
    known = model_key(model)
    if known is not None and (known, objective) in _passed:
        return
    x = tf.constant(np.asarray(rows[:1]), tf.float32)
    for part, seen in _parts(model, model.likelihood.observe(x, SEED), objective.inference):
        y, one = tf.one_hot([0], class_count(part)), tf.ones([1])
        batch = Batch(seen, y, one, tf.constant([0]), neighbour=seen, propagated=y)
        labelled, unlabelled = isinstance(part, HasClasses), isinstance(part, HasDensity)
        objective(part, batch if labelled else None, batch if unlabelled else None, one[0], SEED, one[0])
    if isinstance(model, HasDensity):
        prediction.bound(model, x, SEED, objective)
    if known is not None and len(_passed) < MOST:
        _passed.add((known, objective))


def _parts(model: Model, x: tf.Tensor, inference: Inference) -> Iterator[tuple[Model, tf.Tensor]]:
    """Yield the model that each stage trains, and its view of the row."""
    if not isinstance(model, Stacked):
        yield model, x
        return
    yield model.first, x
    if isinstance(model, GenerativeClassifier):
        yield model.class_model(x, inference.at(SEED))
