"""The warning after a fit whose classifier has collapsed (`ssvae.evaluation.collapse`)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ssvae import prediction
from ssvae.evaluation import collapse
from ssvae.inference.base import Inference
from ssvae.models.base import Model
from ssvae.models.capabilities import HasClasses
from ssvae.readers.base import Rows, take_rows
from ssvae.training.callbacks import History

LOOKED_AT = 1000  # labelled rows at most, and unlabelled ones, evenly spaced
TRAINED = 50_000  # rows that the last stage has seen at least, 250 steps: a fit of few has learnt nothing yet


def sound(
    model: Model, x: Rows, index: np.ndarray, inference: Inference, history: History, classes: Sequence[object]
) -> str | None:
    """Warn of a collapse and return the sentence; None where there is none.

    Parameters
    ----------
    model : Model
        Trained.
    x : ndarray [N, D]
        The preprocessed rows it was trained on.
    index : ndarray [N]
        Their class index, -1 where there is no label.
    inference : Inference
    history : History
    classes : sequence of K
        Names of the classes.
    """
    stages = history["stage"]
    if not isinstance(model, HasClasses) or not stages or stages.count(stages[-1]) * len(index) < TRAINED:
        return None
    known, others = (_some(np.flatnonzero(which)) for which in (index >= 0, index < 0))
    labelled, unlabelled = (np.asarray(take_rows(x, rows)[:], np.float32) for rows in (known, others))
    q = prediction.classify(model, np.concatenate([labelled, unlabelled]), inference, few=2 * LOOKED_AT)
    plain, prior = collapse.nearest(labelled, index[known], unlabelled), np.exp(model.log_class_prior())
    found = collapse.describe(q[: len(known)], index[known], q[len(known) :], prior, plain, classes)
    if found is not None:
        warnings.warn(found, UserWarning, stacklevel=3)
    return found


def _some(rows: np.ndarray) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(int)]
