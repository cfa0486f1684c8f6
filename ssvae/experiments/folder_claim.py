"""Who may write to the folder of a run: a new run, one that replaces another, or one that is resumed."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from ssvae.atomic_files import drafts, remove, write_text
from ssvae.experiments import environment, folder_lock, own_files
from ssvae.experiments.report import RunMetrics
from ssvae.experiments.run_folder import FILES, absolute, read_config, read_json
from ssvae.settings import files as settings
from ssvae.settings.checks import Settings
from ssvae.settings.renamed import present_names
from ssvae.training.callbacks import Callback
from ssvae.types import Dataset

FREE = ("dataset.folder", "classifier.verbose", "classifier.strategy")  # may change between two parts of a run


class Beginning(Callback):
    """Writes the files that precede training when the first stage begins: by then the input has passed all checks.

    Parameters
    ----------
    begin : callable
        See `begin`.
    again : callable
        Called after each epoch; see `restore`.
    """

    def __init__(self, begin: Callable[[], None], again: Callable[[], None]) -> None:
        self.begin: Callable[[], None] | None = begin
        self.again = again

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """See `Callback.stage_begin`."""
        if self.begin is not None:
            self.begin()
        self.begin = None

    def epoch_end(self, stage: str, epoch: int, logs: dict[str, float]) -> None:
        """See `Callback.epoch_end`."""
        self.restore()

    def restore(self) -> None:
        """Write the files again if the folder was deleted since they were written."""
        if self.begin is None:
            self.again()


def claim(folder: Path, config: Settings, overwrite: bool = False, resume: bool = False) -> RunMetrics | None:
    """Check that a folder may hold this run; nothing is written before training begins (`begin`).

    Parameters
    ----------
    folder : Path
    config : dict
        Resolved settings.
    overwrite : bool
        Replace a run that is there: the files that it wrote, and no others, are removed when training begins.
    resume : bool
        Continue an unfinished run of the same settings.

    Returns
    -------
    dict or None
        With `resume`, the metrics of a run that is already finished.

    Raises
    ------
    ValueError
        If the folder is not empty and neither `overwrite` nor `resume` is given, both are, the run to resume had other
        settings, or the folder holds something else than a run, or its model's folder something else than a model.
    """
    if overwrite and resume:
        raise ValueError("resume continues a run and overwrite replaces it; give one of the two")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give the name of a folder")
    if resume and (folder / "config.yaml").is_file():
        _same_settings(folder, config)
        finished = _finished(folder)
        if finished is None:
            _refuse_foreign_model(folder)
        return finished
    full = own_files.contents(folder)
    if resume and full:
        raise ValueError(f"{folder} holds no run to resume, it has no config.yaml: choose another with --out")
    if full and not overwrite:
        raise ValueError(
            f"{folder} is not empty; choose another with --out, replace the run there with --overwrite, "
            "or continue an unfinished one with --resume"
        )
    if full:
        try:
            read_config(folder)
        except ValueError as error:
            raise ValueError(
                f"{folder} is not replaced, for it is not known to be a run ({error}); it holds {_shown(full)}. Choose "
                "another with --out, or remove it yourself"
            ) from error
        _refuse_foreign_model(folder)
        if kept := own_files.others(folder):
            warnings.warn(f"{folder} is replaced but for files that no run wrote: {_shown(kept)}", stacklevel=2)
    return None


def _refuse_foreign_model(folder: Path) -> None:
    """Raise if the folder of the model, which is replaced whole, holds what no run wrote."""
    if foreign := own_files.others(folder, "model"):
        raise ValueError(
            f"{folder} is not written to, for its model has files that no run wrote: {_shown(foreign)}. Move them "
            "away, or choose another folder with --out"
        )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def begin(folder: Path, config: Settings, dataset: Dataset, labeled: np.ndarray, resume: bool = False) -> None:
    """Write the files that precede training: settings, environment, format of the data, rows that keep their label.

    An earlier run's files are removed first, unless `resume` says that this is that run.
    """
    if not resume:
        own_files.clear(folder)
    write_beginning(folder, config, dataset, labeled)


def restore(
    lock: folder_lock.FolderLock, folder: Path, config: Settings, dataset: Dataset, labeled: np.ndarray
) -> None:
    """Write the files that precede training again if the folder was deleted, so that what follows is a whole run.

    Raises
    ------
    ValueError
        If another run has the folder by now.
    """
    if lock.held:
        return
    lock.take()
    if (folder / FILES[0]).exists():
        raise ValueError(f"{folder} was deleted while this run was writing to it, and holds another run by now")
    warnings.warn(f"{folder} was deleted while a run was writing to it: its files are written again", stacklevel=2)
    write_beginning(folder, config, dataset, labeled)


def check_whole(folder: Path) -> None:
    """Raise unless a finished run has all its files.

    Raises
    ------
    ValueError
        Naming those that are missing.
    """
    missing = [name for name in (*FILES, "model/manifest.json") if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"the run in {folder} is not whole, {', '.join(missing)} went missing while it was written: make it again "
            "with --overwrite"
        )


def write_beginning(folder: Path, config: Settings, dataset: Dataset, labeled: np.ndarray) -> None:
    """Write the files that precede training."""
    form = {
        "name": dataset.name,
        "rows": len(dataset.x),
        "test_rows": 0 if dataset.x_test is None else len(dataset.x_test),
        "image_shape": dataset.image_shape,
        "feature_names": dataset.feature_names,
        "columns": dataset.columns,
    }
    write_text(folder / "config.yaml", settings.dump(config))
    write_text(folder / "environment.json", json.dumps(environment.describe(), indent=2) + "\n")
    write_text(folder / "dataset.json", json.dumps(form, ensure_ascii=False) + "\n")
    write_text(folder / "labeled.json", json.dumps({"rows": labeled.tolist()}) + "\n")


def same_launch(folder: Path) -> bool:
    """Whether the run there was begun by an earlier attempt of the same `ssvae launch`."""
    path, own = folder / "environment.json", os.environ.get("SSVAE_LAUNCH")
    if own is None or not path.is_file():
        return False
    try:
        return read_json(path, {"variables": dict})["variables"].get("SSVAE_LAUNCH") == own
    except ValueError:  # damaged, or of an older version
        return False


def forget_checkpoint(folder: Path) -> None:
    """Remove the training state of a finished run, and drafts left where it was killed before."""
    own_files.clear_folder(folder, "checkpoint")
    for path in drafts(folder):
        remove(path)


def _same_settings(folder: Path, config: Settings) -> None:
    old, new = (_comparable(c) for c in (read_config(folder), settings.read(settings.dump(config), "").values))
    different = sorted(key for key in {*old, *new} if old.get(key, ...) != new.get(key, ...))
    if different:
        key = different[0]
        raise ValueError(
            f"{folder} holds a run with other settings: {key} was {old.get(key)!r} and is now {new.get(key)!r}; "
            "resume with the same settings, or start again with --overwrite"
        )


def _comparable(config: Settings) -> Settings:
    """Flatten one level, without settings that may change between two parts of a run."""
    config, flat = absolute(config), {"seed": config.get("seed")}
    for part in ("dataset", "classifier"):
        values = config.get(part) or {}
        own = present_names(values) if part == "classifier" else values
        flat |= {f"{part}.{key}": value for key, value in own.items()}
    return {key: value for key, value in flat.items() if key not in FREE}


def _finished(folder: Path) -> RunMetrics | None:
    path = folder / "metrics.json"
    return cast(RunMetrics, read_json(path)) if path.is_file() else None
