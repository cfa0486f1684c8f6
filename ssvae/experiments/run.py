"""One experiment: data, split, fit, evaluation, figures and report, every file in one folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ssvae.distributed import cluster
from ssvae.experiments import folder_claim, report, run_folder
from ssvae.experiments.folder_lock import FolderLock
from ssvae.experiments.report import RunMetrics
from ssvae.experiments.run_metrics import measure
from ssvae.experiments.run_training import build, fit, keep
from ssvae.label_vector import has_label
from ssvae.readers.base import Rows
from ssvae.registry import imported
from ssvae.settings.checks import Settings, SettingsSource
from ssvae.settings.schema import resolve
from ssvae.splits import choose_labeled, hide_labels
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.progress import Progress
from ssvae.types import Dataset

if TYPE_CHECKING:
    from rich.console import Console

    from ssvae.distributed.strategy import ReplicaLayout


def run(
    config: Mapping[str, object],
    folder: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    console: Console | None = None,
) -> RunMetrics:
    """Run one experiment and leave everything about it in a folder (`ssvae.experiments.run_folder` lists the files).

    Parameters
    ----------
    config : Mapping
        Settings: ``seed``, ``dataset`` and ``classifier``; settings that are left out have the constructors' defaults.
    folder : path
        The run's folder.
    overwrite, resume : bool
        See `ssvae.experiments.folder_claim.claim`.
    progress : bool
        Show a progress bar on stderr.
    console : rich.console.Console, optional
        Where to show skipped figures and the summary; by default nowhere.

    Returns
    -------
    RunMetrics
        The numbers in metrics.json; empty on a worker other than the first, which trains along and writes no file.

    Raises
    ------
    ValueError
        If a setting, the data or the folder is not valid; nothing has been trained or removed then.
    KeyboardInterrupt
        On Ctrl-C, after the state of training has been saved; `resume` continues from it.
    """
    start, folder = time.perf_counter(), Path(folder)
    config = run_folder.absolute(resolve(SettingsSource("config", dict(config))))
    dataset = run_folder.load_dataset(config)
    if cluster.read().number:  # another worker writes the folder
        joined = _joined(config)
        if joined and not joined.first:
            _follow(joined, config, dataset.x, split(config, dataset)[1], folder)
            return {}
    with FolderLock(folder) as lock:
        return _lead(config, dataset, lock, overwrite, resume, progress, console, start)


def _lead(
    config: Settings,
    dataset: Dataset,
    lock: FolderLock,
    overwrite: bool,
    resume: bool,
    progress: bool,
    console: Console | None,
    start: float,
) -> RunMetrics:
    """Run an experiment as the process that writes to the folder, which it has locked."""
    labeled, y = split(config, dataset)
    folder = lock.folder
    if overwrite and folder_claim.same_launch(folder):
        overwrite, resume = False, True  # the earlier run has been replaced already
    joined = _joined(config)
    metrics = folder_claim.claim(folder, config, overwrite, resume)
    if joined:
        joined.any(metrics is not None or (resume and (folder / "history.csv").is_file()))
    if metrics is None:
        report.show_data(console, dataset, y, unlabeled=config["classifier"]["unlabeled"])
        form = (folder, config, dataset, labeled)
        begin = folder_claim.Beginning(
            lambda: folder_claim.begin(*form, resume), lambda: folder_claim.restore(lock, *form)
        )
        try:
            fitted = fit(config, dataset.x, y, folder, [begin, *([Progress()] if progress else [])], resume)
            begin.restore()
            metrics, test = measure(config, dataset, fitted, labeled)
            draw = imported("ssvae.plots.run_figures:draw_all")
            skipped = draw(fitted.classifier, dataset, test, folder / "figures")
            if not (lock.held and (folder / "history.csv").is_file()):  # deleted since the model was written
                begin.restore()
                keep(fitted.classifier, folder)
                skipped = draw(fitted.classifier, dataset, test, folder / "figures")
        except KeyboardInterrupt:
            begin.restore()  # so that --resume finds a run
            raise
        report.show_skipped(console, skipped)
        metrics["seconds_total"] = time.perf_counter() - start + fitted.earlier
        report.write_metrics(folder, metrics)
        folder_claim.check_whole(folder)
    folder_claim.forget_checkpoint(folder)
    if joined:
        joined.wait()
    report.summary(metrics, console, str(folder))
    return metrics


def _joined(config: Settings) -> ReplicaLayout | None:
    """Return where replicas live if other processes have some of them; without any, TensorFlow is not started here."""
    strategy = config["classifier"].get("strategy")
    return imported("ssvae.training.worker_agreement:joined")(strategy) if cluster.read().workers else None


def _follow(joined: ReplicaLayout, config: Settings, x: Rows, y: np.ndarray, folder: Path) -> None:
    """Train along with the first worker, from its checkpoint on, unless it has nothing to train; write nothing."""
    if not joined.any(False):
        build(config, [Checkpoint(folder / "checkpoint")]).fit(x, y)
    joined.wait()


def split(config: Settings, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that keep their label, and y with all other labels hidden; without `labels` all are kept."""
    unlabeled, labels = config["classifier"]["unlabeled"], config["dataset"]["labels"]
    if labels is None:
        rows = np.flatnonzero(has_label(dataset.y, unlabeled))
        return rows, dataset.y
    rows = choose_labeled(dataset.y, labels, config["seed"], unlabeled)
    return rows, hide_labels(dataset.y, rows, unlabeled)
