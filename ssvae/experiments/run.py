"""One experiment: data, split, fit, evaluation, figures and report, every file in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ssvae.distributed import cluster
from ssvae.experiments import exports, folder_claim, report, run_header
from ssvae.experiments.folder_lock import FolderLock
from ssvae.experiments.report import RunMetrics
from ssvae.experiments.run_folder import LABELS
from ssvae.experiments.run_inputs import RunInputs, read_inputs
from ssvae.registry import imported
from ssvae.settings.checks import SettingsSource
from ssvae.settings.schema import resolve
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.progress import Progress

# After the fit, and seconds, about.
PARTS = {"evaluation": 1.0, "supervised baseline": 4.0, "plain classifiers": 3.0, "pictures": 5.0, "labels": 1.0}

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
    start: Callable[[], None] = lambda: None,
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
    start : callable, optional
        Called when settings, data and folder have passed their checks, before TensorFlow is imported.

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
    folder, shown = Path(folder), Progress(PARTS, quiet=not progress)
    inputs = read_inputs(resolve(SettingsSource("config", dict(config))))
    joined = None
    if cluster.read().workers:  # which must meet before the first of them may fail
        start()
        joined = imported("ssvae.training.worker_agreement:joined")(inputs.config["classifier"].get("strategy"))
    if joined and not joined.first:  # another worker writes the folder
        _follow(joined, inputs, folder)
        return {}
    with FolderLock(folder) as lock, closing(shown):
        if overwrite and folder_claim.same_launch(folder):
            overwrite, resume = False, True  # the earlier run has been replaced already
        metrics = folder_claim.claim(folder, inputs.config, overwrite, resume)
        if joined:
            joined.any(metrics is not None or (resume and (folder / "history.csv").is_file()))
        if metrics is None:
            run_header.show_inputs(console, inputs.config, inputs.dataset, inputs.y, folder)
            with shown.part("start of TensorFlow"):
                if not joined:
                    start()
                imported("ssvae.experiments.run_training:fit")
            metrics = _lead(inputs, lock, resume, shown, console)
        folder_claim.forget_checkpoint(folder)
        if joined:
            joined.wait()
    report.summary(metrics, console, str(folder))
    run_header.show_next(console, inputs.config, folder, (folder / LABELS).is_file())
    return metrics


def _lead(inputs: RunInputs, lock: FolderLock, resume: bool, shown: Progress, console: Console | None) -> RunMetrics:
    """Run an experiment as the process that writes to the folder, which it has locked."""
    fit, keep = (imported(f"ssvae.experiments.run_training:{name}") for name in ("fit", "keep"))
    config, dataset, labeled, y = inputs
    folder, form = lock.folder, (lock.folder, config, dataset, labeled)
    begin = folder_claim.Beginning(lambda: folder_claim.begin(*form, resume), lambda: folder_claim.restore(lock, *form))
    try:
        fitted = fit(config, dataset, y, folder, [begin, shown], resume)
        begin.restore()
        measure = imported("ssvae.experiments.run_metrics:measure")
        metrics, test = measure(config, dataset, fitted, labeled, shown.part)
        with shown.part("pictures"):
            draw = imported("ssvae.plots.run_figures:draw_all")
            skipped = draw(fitted.classifier, dataset, test, folder / "figures")
            if not (lock.held and (folder / "history.csv").is_file()):  # deleted since the model was written
                begin.restore()
                keep(fitted.classifier, folder)
                skipped = draw(fitted.classifier, dataset, test, folder / "figures")
        unlabelled = exports.unlabelled_rows(dataset, y, config["classifier"]["unlabeled"])
        if len(unlabelled):
            with shown.part("labels"):
                exports.write_labels(fitted.classifier, dataset, unlabelled, folder / LABELS)
    except KeyboardInterrupt:
        begin.restore()  # so that --resume finds a run
        raise
    shown.close()
    report.show_skipped(console, skipped)
    metrics["seconds_total"] = shown.seconds + fitted.earlier
    report.write_metrics(folder, metrics)
    folder_claim.check_whole(folder)
    return metrics


def _follow(joined: ReplicaLayout, inputs: RunInputs, folder: Path) -> None:
    """Train along with the first worker, from its checkpoint on, unless it has nothing to train; write nothing."""
    if not joined.any(False):
        build = imported("ssvae.experiments.run_training:build")
        callbacks = [Checkpoint(folder / "checkpoint")]
        build(inputs.config, inputs.dataset, callbacks).fit(inputs.dataset.x, inputs.y)
    joined.wait()
