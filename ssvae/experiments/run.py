"""One experiment: data, split, supervised twin, fit, evaluation, report; every file in one folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import ssvae
from ssvae.distributed import cluster
from ssvae.evaluation.metrics import bits_per_dim, evaluate
from ssvae.experiments import report, run_folder, supervised_baseline
from ssvae.readers.base import Rows
from ssvae.registry import imported, slot_name
from ssvae.settings.checks import SettingsSource
from ssvae.settings.schema import resolve
from ssvae.splits import choose_labeled, has_label, hide_labels
from ssvae.training.callbacks import Callback, Checkpoint, Progress
from ssvae.types import Dataset


class Fitted(NamedTuple):
    """A trained classifier and what training it took."""

    classifier: Any
    seconds: float
    earlier: float = 0.0  # of them, how many were spent before an interruption


def run(
    config: Mapping[str, Any],
    folder: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    console: Any = None,
) -> dict[str, Any]:
    """Run one experiment and leave everything about it in a folder (`ssvae.experiments.run_folder` lists the files).

    Parameters
    ----------
    config : Mapping
        Settings: ``seed``, ``dataset`` and ``classifier``; what is left out takes the constructors' defaults.
    folder : path
        The run's folder.
    overwrite, resume : bool
        See `ssvae.experiments.run_folder.claim`.
    progress : bool
        Show a progress bar on stderr.
    console : rich.console.Console, optional
        Where to say what is going on and show the summary; default is nowhere.

    Returns
    -------
    dict
        The numbers in metrics.json; nothing on a worker other than the first, which trains along and writes no file.

    Raises
    ------
    ValueError
        If a setting, the data or the folder is not as it must be; nothing has been trained or removed then.
    KeyboardInterrupt
        On Ctrl-C, after the state of training has been saved; `resume` goes on from it.
    """
    start, folder = time.perf_counter(), Path(folder)
    config = resolve(SettingsSource("config", dict(config)))
    dataset = run_folder.load_dataset(config)
    labeled, y = split(config, dataset)
    if overwrite and run_folder.same_launch(folder):
        overwrite, resume = False, True  # what was there before has been replaced
    joined = _joined(config)
    if joined and not joined.first:
        return _follow(joined, config, dataset.x, y, folder)
    metrics = run_folder.claim(folder, config, overwrite, resume)
    if joined:
        joined.any(metrics is not None or (resume and (folder / "history.csv").is_file()))
    if metrics is None:
        first = run_folder.Beginning(lambda: run_folder.begin(folder, config, dataset, labeled, resume))
        fitted = fit(config, dataset.x, y, folder, [first, *([Progress()] if progress else [])], resume)
        metrics = _report(config, dataset, fitted, labeled, folder, console)
        metrics["seconds_total"] = time.perf_counter() - start + fitted.earlier
        report.write_metrics(folder, metrics)
    run_folder.forget_checkpoint(folder)
    if joined:
        joined.wait()
    if console is not None:
        report.summary(metrics, console, str(folder))
    return metrics


def _report(
    config: Mapping[str, Any], dataset: Dataset, fitted: Fitted, labeled: np.ndarray, folder: Path, console: Any
) -> dict[str, Any]:
    """Measure what was fitted, draw the pictures, and return the numbers."""
    numbers, parts = _measure(config, dataset, fitted, labeled)
    skipped = imported("ssvae.plots.run_figures:draw_all")(fitted.classifier, dataset, parts, folder / "figures")
    report.say_skipped(console, skipped)
    return {**_identity(config, dataset, labeled), **numbers}


def _joined(config: Mapping[str, Any]) -> Any:
    """Return where replicas live if other processes have some of them; without any, TensorFlow is not started here."""
    strategy = config["classifier"].get("strategy")
    return imported("ssvae.training.worker_agreement:joined")(strategy) if cluster.read().workers else None


def _follow(joined: Any, config: Mapping[str, Any], x: Rows, y: np.ndarray, folder: Path) -> dict[str, Any]:
    """Train along with the first worker, from its checkpoint on, unless it has nothing to train; keep nothing."""
    if not joined.any(False):
        _build(config, [Checkpoint(folder / "checkpoint")]).fit(x, y)
    joined.wait()
    return {}


def split(config: Mapping[str, Any], dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that keep their label, and y with all other labels hidden; without `labels` all keep theirs."""
    unlabeled, labels = config["classifier"]["unlabeled"], config["dataset"]["labels"]
    if labels is None:
        rows = np.flatnonzero(has_label(dataset.y, unlabeled))
        return rows, dataset.y
    rows = choose_labeled(dataset.y, labels, config["seed"], unlabeled)
    return rows, hide_labels(dataset.y, rows, unlabeled)


def fit(
    config: Mapping[str, Any],
    x: Rows,
    y: np.ndarray,
    folder: Path,
    callbacks: list[Callback],
    resume: bool = False,
) -> Fitted:
    """Train the classifier that the settings describe and save it; with `resume`, load it where that has been done.

    The state of training is kept in ``folder/checkpoint``; history.csv is written after the model, and says so.
    """
    if resume and (folder / "history.csv").is_file():
        classifier = ssvae.load(folder / "model")
        return Fitted(classifier, _seconds(classifier), _seconds(classifier))
    classifier = _build(config, [*callbacks, Checkpoint(folder / "checkpoint", anew=not resume)])
    start = time.perf_counter()
    classifier.fit(x, y)
    seconds = time.perf_counter() - start
    shutil.rmtree(folder / "model", ignore_errors=True)
    classifier.save(folder / "model")
    report.write_history(folder, classifier.history_)
    # The epochs before an interruption count, too: history_ remembers them, the clock does not.
    earlier = max(_seconds(classifier) - seconds, 0.0)
    return Fitted(classifier, seconds + earlier, earlier)


def _seconds(classifier: Any) -> float:
    return float(np.nansum(np.array(classifier.history_.get("seconds", [0.0]), dtype=float)))


def fit_twin(config: Mapping[str, Any], dataset: Dataset, labeled: np.ndarray) -> Fitted:
    """Train the same classifier network on x by the labelled rows alone: what the unlabelled rows are measured by."""
    own = {**config, "classifier": {**config["classifier"], **supervised_baseline.settings(config["classifier"])}}
    classifier = _build(own)
    start = time.perf_counter()
    classifier.fit(dataset.x[labeled], dataset.y[labeled])
    return Fitted(classifier, time.perf_counter() - start)


def _build(config: Mapping[str, Any], callbacks: list[Callback] | None = None) -> Any:
    settings = dict(config["classifier"])
    if settings.get("random_state") is None:
        settings["random_state"] = config["seed"]
    return ssvae.SSVAEClassifier(**settings, callbacks=callbacks)


def _measure(
    config: Mapping[str, Any], dataset: Dataset, fitted: Fitted, labeled: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the numbers of metrics.json, and all numbers on the test rows."""
    model = fitted.classifier
    test: dict[str, Any] = {}
    valid: dict[str, Any] = {}
    if dataset.x_test is not None:
        test = evaluate(model, dataset.x_test, dataset.y_test)
    if dataset.x_valid is not None:
        valid = evaluate(model, dataset.x_valid, dataset.y_valid)
    numbers: dict[str, Any] = {
        "test_error": test.get("error"),
        "supervised_error": _twin_error(config, dataset, labeled, test),
    }
    if valid:
        numbers["valid_error"] = valid["error"]
    kept = ("bound", "perplexity", "wordless", "ece", "nll", "recall")
    numbers |= {key: test[key] for key in kept if key in test}
    levels = _levels(model)
    if "bound" in numbers and levels is not None:
        numbers["bits_per_dim"] = bits_per_dim(numbers["bound"], dataset.x.shape[1], levels)
    return {**numbers, "seconds_fit": fitted.seconds}, test


def _twin_error(
    config: Mapping[str, Any], dataset: Dataset, labeled: np.ndarray, test: Mapping[str, Any]
) -> float | None:
    if not test:
        return None
    return float(evaluate(fit_twin(config, dataset, labeled).classifier, dataset.x_test, dataset.y_test)["error"])


def _levels(classifier: Any) -> int | None:
    """Return n where the bound less log n nats a column is of a probability, 1 where it is of one as it stands.

    None: it is of a density, which depends on the units and is no number of bits, or of words, which have a perplexity.
    """
    levels, identity = classifier.likelihood_.bits_levels, classifier.preprocessing_.identity
    return levels if levels == 1 or identity else None  # another scale makes another density of grey levels


def _identity(config: Mapping[str, Any], dataset: Dataset, labeled: np.ndarray) -> dict[str, Any]:
    name = slot_name(config["classifier"]["model"])
    return {"dataset": dataset.name, "model": name, "labels": len(labeled), "seed": config["seed"]}
