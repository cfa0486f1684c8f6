"""Training in a run: the classifier that the settings describe, and the supervised baseline it is compared with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import ssvae
from ssvae.experiments import own_files, report, supervised_baseline
from ssvae.readers.base import extremes
from ssvae.registry import imported
from ssvae.settings.checks import Settings
from ssvae.training.callbacks import Callback
from ssvae.training.checkpoint import Checkpoint
from ssvae.types import Dataset

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier


class Fitted(NamedTuple):
    """A trained classifier and the time that training took."""

    classifier: SSVAEClassifier
    seconds: float
    earlier: float = 0.0  # of them, how many were spent before an interruption


class _EpochSeconds(Callback):
    """Adds up the seconds of the epochs of this process."""

    seconds = 0.0

    def epoch_end(self, stage: str, epoch: int, logs: dict[str, float]) -> None:
        """See `Callback.epoch_end`."""
        self.seconds += logs["seconds"]


def fit(
    config: Settings,
    dataset: Dataset,
    y: np.ndarray,
    folder: Path,
    callbacks: list[Callback],
    resume: bool = False,
) -> Fitted:
    """Train the classifier that the settings describe and save it; with `resume`, load it if it has been trained.

    The state of training is kept in ``folder/checkpoint``. history.csv is written after the model: where it is, the
    model is complete.
    """
    if resume and (folder / "history.csv").is_file():
        classifier = ssvae.load(folder / "model")
        return Fitted(classifier, _seconds(classifier), _seconds(classifier))
    epochs = _EpochSeconds()
    classifier = build(config, dataset, [*callbacks, epochs, Checkpoint(folder / "checkpoint", restart=not resume)])
    start = time.perf_counter()
    classifier.fit(dataset.x, y)
    seconds = time.perf_counter() - start
    keep(classifier, folder)
    # Epochs before an interruption count, too: they are in history_, and not in what was timed here.
    earlier = max(_seconds(classifier) - epochs.seconds, 0.0)
    return Fitted(classifier, seconds + earlier, earlier)


def keep(classifier: SSVAEClassifier, folder: Path) -> None:
    """Write model and history of a run."""
    own_files.clear_folder(folder, "model")
    classifier.save(folder / "model")
    report.write_history(folder, classifier.history_)


def _seconds(classifier: SSVAEClassifier) -> float:
    return float(np.nansum(np.array(classifier.history_.get("seconds", [0.0]), dtype=float)))


def fit_supervised_baseline(config: Settings, dataset: Dataset, labeled: np.ndarray) -> Fitted:
    """Train the classifier network alone on the labelled rows alone, for comparison."""
    own = {**config, "classifier": {**config["classifier"], **supervised_baseline.settings(config["classifier"])}}
    classifier = build(own, dataset)
    start = time.perf_counter()
    classifier.fit(dataset.x[labeled], dataset.y[labeled])
    return Fitted(classifier, time.perf_counter() - start)


def build(config: Settings, dataset: Dataset, callbacks: list[Callback] | None = None) -> SSVAEClassifier:
    """Return the classifier that the settings describe, not yet fitted; its likelihood suits the columns of a table."""
    settings = dict(config["classifier"])
    if dataset.feature_names is not None:
        given = [settings.get(name, "auto") for name in ("likelihood", "preprocessing")]
        given.append(config["dataset"].get("columns"))
        suits = imported("ssvae.estimator.auto:likelihood")
        settings["likelihood"] = suits(dataset.x, extremes(dataset.x), dataset.feature_names, *given)
    if settings.get("random_state") is None:
        settings["random_state"] = config["seed"]
    return ssvae.SSVAEClassifier(**settings, callbacks=callbacks)
