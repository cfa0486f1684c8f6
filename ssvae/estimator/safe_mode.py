"""The safe mode: an average of the generative classifier and plain ones, by out-of-fold loss (`ssvae.averaging`).

For its out-of-fold predictions the generative classifier is not fitted again from the beginning: what sees no labels,
such as M1, is kept, and the rest learns for a third of the epochs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple, Self

import numpy as np

from ssvae import prediction
from ssvae.averaging.average import Average, Report, folds_of
from ssvae.averaging.base import AllRows, TrainingRows
from ssvae.backend.compile_cache import copy_of, copy_weights, model_key
from ssvae.estimator.components import Components
from ssvae.estimator.fitting import FitSettings, fit_stages
from ssvae.inference.base import Inference
from ssvae.models.base import Model
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, LatentFeatures, Stacked
from ssvae.preprocessing.base import Preprocessing
from ssvae.readers.base import Rows, row_chunks, take_rows
from ssvae.readers.sparse_table import SparseTable
from ssvae.training.callbacks import History
from ssvae.training.schedule import TrainingSettings

LABELLED = 1000  # rows that plain classifiers learn from, at most: their time grows with the cube of the rows
EVERY = 5000  # rows whose columns they look at, at most
AUTO_ROWS = 50_000  # with more the time of a fit that doubles is felt
PART = 3  # the epochs of a fold are this part of those of the fit


@dataclass(frozen=True)
class Trained:
    """A trained model, and what it was trained with and on."""

    parts: Components
    rows: Rows  # [N, D] preprocessed
    index: np.ndarray  # [N] class index, -1 where there is no label
    weight: np.ndarray  # [N]
    settings: FitSettings
    history: History


class SafeAverage(NamedTuple):
    """The fitted average, and the columns that it sees: (preprocessed x − shift) / scale."""

    average: Average
    shift: np.ndarray  # [D]
    scale: np.ndarray  # [D]

    @classmethod
    def fit(cls, trained: Trained) -> tuple[Self, Report]:
        """Return the average of a trained model with plain classifiers, and the report on its members."""
        rows, index, seed = trained.rows, trained.index, trained.settings.seed
        rng = np.random.default_rng(seed)
        chosen = _some(np.flatnonzero(index >= 0), LABELLED, rng)
        every = np.asarray(rows[_some(np.arange(len(index)), EVERY, rng)])
        shift, scale = _scaling(every)
        seen = partial(_views, trained.parts.model, trained.parts.objective.inference, shift, scale)
        all_rows, classes = seen(every), int(index.max()) + 1
        views = {
            name: TrainingRows(x, index[chosen], AllRows(all_rows[name]), classes, seed)
            for name, x in seen(np.asarray(rows[chosen])).items()
        }
        fold = folds_of(index[chosen], seed)[0]
        average, report = Average.fit(views, _out_of_fold(trained, chosen, fold), seed)
        return cls(average, shift, scale), report

    def probabilities(self, model: Model, x: Rows, inference: Inference, preprocessing: Preprocessing) -> np.ndarray:
        """Return class probabilities [N, K] of rows x [N, D] as they were given."""
        found = []
        for chunk in row_chunks(x):
            rows = np.asarray(preprocessing.transform(chunk))
            others = {"encoder": prediction.classify(model, rows, inference)} if isinstance(model, HasClasses) else {}
            found.append(self.average.probabilities(_views(model, inference, self.shift, self.scale, rows), others))
        return np.concatenate(found)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learnt, by name."""
        return {**self.average.arrays(), "shift": self.shift, "scale": self.scale}

    @classmethod
    def from_arrays(cls, names: list[str], arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the average of members of these names whose `arrays` these are."""
        return cls(Average.from_arrays(names, arrays), arrays["shift"], arrays["scale"])


def wanted(
    safe: bool | Literal["auto"], parts: Components, rows: Rows, index: np.ndarray, training: TrainingSettings
) -> bool:
    """Say whether a fit of preprocessed rows [N, D] with class index [N] is to end with an average.

    "auto": where few rows have a label, columns are real or of several kinds, rows are in memory, the model is a
    generative classifier, and nobody has chosen the epochs, and with them what a fit may cost.

    Raises
    ------
    ValueError
        If plain classifiers would make sparse rows dense.
    """
    if safe is True and isinstance(rows[:1], SparseTable):
        raise ValueError("safe=True is for dense tables, and X is sparse: give safe=False, or X.toarray()")
    if isinstance(safe, bool):
        return safe
    table = isinstance(rows, np.ndarray) and len(rows) <= AUTO_ROWS and not parts.preprocessing.identity
    few = int(np.count_nonzero(index >= 0)) <= LABELLED
    return table and few and isinstance(parts.model, GenerativeClassifier) and training.epochs == "auto"


def _some(numbers: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return at most so many of these numbers, drawn at random, in their order."""
    return numbers if len(numbers) <= most else np.sort(rng.choice(numbers, most, replace=False))


def _scaling(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what columns [N, D] are shifted and divided by: those in [0, 1] are left as they are."""
    x = x.astype(np.float64)
    inside = (x.min(axis=0) >= 0.0) & (x.max(axis=0) <= 1.0)
    spread = np.maximum(x.std(axis=0), 1e-6)
    return np.where(inside, 0.0, x.mean(axis=0)), np.where(inside, 1.0, spread)


def _views(
    model: Model, inference: Inference, shift: np.ndarray, scale: np.ndarray, rows: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what members see of preprocessed rows [N, D]: columns, and latents of a model that saw no labels."""
    found = {"columns": (rows - shift) / scale}
    if isinstance(model, Stacked | LatentFeatures):
        latents = prediction.over_rows(model, prediction.latents, rows, inference=inference)
        found["latents"] = latents.astype(np.float64)
    return found


def _out_of_fold(trained: Trained, chosen: np.ndarray, fold: np.ndarray) -> dict[str, np.ndarray]:
    """Return q(y | x) [n, K] of the chosen rows by models that did not see the labels of their fold [n], by name.

    There is none of a model without classes, or that cannot be copied.
    """
    parts, rows = trained.parts, trained.rows
    if not isinstance(parts.model, HasClasses) or model_key(parts.model) is None:
        return {}
    found = np.full((len(chosen), parts.model.classes), 1.0 / parts.model.classes)
    settings = _short(trained.settings, trained.history)
    for number in range(fold.max() + 1):
        held_out, hidden, model = fold == number, trained.index.copy(), copy_of(parts.model)
        hidden[chosen[held_out]] = -1
        copy_weights(parts.model, model)
        done = {stage.name: stage.model.get_weights() for stage in model.outline(rows) if not stage.labels}
        fit_stages(parts._replace(model=model), rows, hidden, trained.weight, settings, done)
        found[held_out] = prediction.classify(model, take_rows(rows, chosen[held_out]), parts.objective.inference)
    return {"encoder": found}


def _short(settings: FitSettings, history: History) -> FitSettings:
    """Return the settings of a fold: a part of the epochs, nobody called."""
    epochs = {str(stage): max(1, count // PART) for stage, count in Counter(history["stage"]).items()}
    return replace(settings, callbacks=(), training=replace(settings.training, epochs=epochs, early_stopping=None))
