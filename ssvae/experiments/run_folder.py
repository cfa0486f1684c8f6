"""The folder of a run: what is in it, when it may be written to, and how it is opened again.

::

    config.yaml       every setting, as resolved     dataset.json   form of the data: names, shape, rows
    environment.json  versions, threads, command     labeled.json   rows that kept their label
    history.csv       one line an epoch              model/         what `ssvae.load` reads
    metrics.json      the numbers; written last      figures/       pictures
    checkpoint/       training state, while unfinished
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import ssvae
from ssvae.atomic_files import drafts, write_text
from ssvae.experiments import environment
from ssvae.settings import files as settings
from ssvae.settings.renamed import present_names
from ssvae.training.callbacks import Callback
from ssvae.types import Dataset

FILES = ("config.yaml", "environment.json", "dataset.json", "labeled.json", "history.csv", "metrics.json")
FOLDERS = ("model", "figures", "checkpoint")
FREE = ("dataset.folder", "classifier.verbose", "classifier.strategy")  # may change between two parts of a run


class Run(NamedTuple):
    """A finished run, opened."""

    folder: Path
    config: dict[str, Any]
    classifier: Any
    form: dict[str, Any]  # of the data: name, feature_names, image_shape


class Beginning(Callback):
    """Calls `begin` when the first stage begins: by then everything that can be wrong with the input has been found."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self.begin: Callable[[], None] | None = begin

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """See `Callback.stage_begin`."""
        if self.begin is not None:
            self.begin()
        self.begin = None


def claim(folder: Path, config: dict[str, Any], overwrite: bool = False, resume: bool = False) -> dict[str, Any] | None:
    """Check that a folder may hold this run; nothing is written before training begins (`begin`).

    Parameters
    ----------
    folder : Path
    config : dict
        Resolved settings.
    overwrite : bool
        An earlier run may be there; nothing of it is used, and its files are removed when training begins.
    resume : bool
        Go on with an unfinished run of the same settings.

    Returns
    -------
    dict or None
        With `resume`, the metrics of a run that is already finished.

    Raises
    ------
    ValueError
        If the folder is not empty and neither of the two was asked for, both were, the run to resume had other
        settings, or there is something else in its folder.
    """
    if overwrite and resume:
        raise ValueError("resume goes on with a run and overwrite replaces it; give one of the two")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give the name of a folder")
    if resume and (folder / "config.yaml").is_file():
        _same_settings(folder, config)
        return _finished(folder)
    full = folder.is_dir() and {*folder.iterdir()} - {*drafts(folder)}
    if resume and full:
        raise ValueError(f"{folder} holds no run to go on with, it has no config.yaml: choose another with --out")
    if full and not overwrite:
        raise ValueError(
            f"{folder} is not empty; choose another with --out, replace the run there with --overwrite, "
            "or go on with an unfinished one with --resume"
        )
    return None


def begin(folder: Path, config: dict[str, Any], dataset: Dataset, labeled: np.ndarray, resume: bool = False) -> None:
    """Write what is known before training: settings, environment, form of the data, rows that keep their label.

    An earlier run's files are removed first, unless `resume` says that this is that run.
    """
    if not resume:
        clear(folder)
    form = {
        "name": dataset.name,
        "rows": len(dataset.x),
        "test_rows": 0 if dataset.x_test is None else len(dataset.x_test),
        "image_shape": dataset.image_shape,
        "feature_names": dataset.feature_names,
    }
    write_text(folder / "config.yaml", settings.dump(config))
    write_text(folder / "environment.json", json.dumps(environment.describe(), indent=2) + "\n")
    write_text(folder / "dataset.json", json.dumps(form, ensure_ascii=False) + "\n")
    write_text(folder / "labeled.json", json.dumps({"rows": labeled.tolist()}) + "\n")


def same_launch(folder: Path) -> bool:
    """Whether the run there was begun by an earlier try of the same `ssvae launch`."""
    path, own = folder / "environment.json", os.environ.get("SSVAE_LAUNCH")
    return own is not None and path.is_file() and _read(path).get("variables", {}).get("SSVAE_LAUNCH") == own


def clear(folder: Path) -> None:
    """Remove what a run writes, and nothing else; first what says that it is finished, last whose run it is."""
    for name in reversed(FILES[1:]):
        (folder / name).unlink(missing_ok=True)
    for path in (*(folder / name for name in FOLDERS), *drafts(folder)):
        _remove(path)
    (folder / FILES[0]).unlink(missing_ok=True)


def forget_checkpoint(folder: Path) -> None:
    """Remove the training state of a run that is finished, and what was left where it was killed before."""
    for path in (folder / "checkpoint", *drafts(folder)):
        _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder or a file, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the settings of a run.

    Raises
    ------
    ValueError
        If the folder is no run.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise ValueError(f"{folder} is no run: it has no config.yaml; `ssvae fit` makes runs, by default under runs/")
    return settings.load(path).values


def open_run(folder: str | Path) -> Run:
    """Open a finished run.

    Raises
    ------
    ValueError
        If the folder is no run, the run is not finished, or its model does not verify.
    """
    folder = Path(folder)
    config = read_config(folder)
    if not (folder / "model").is_dir():
        raise ValueError(f"the run in {folder} is not finished, it has no model yet; `ssvae fit ... --resume` goes on")
    return Run(folder, config, ssvae.load(folder / "model"), _read(folder / "dataset.json"))


def load_dataset(config: dict[str, Any], folder: str | None = None) -> Dataset:
    """Load the data that settings name; `folder`, if given, is where its files may lie."""
    from ssvae.datasets import load

    options = {key: value for key, value in config["dataset"].items() if key != "labels"}
    return load.load_dataset(**(options if folder is None else {**options, "folder": folder}))


def _same_settings(folder: Path, config: dict[str, Any]) -> None:
    old, new = (_comparable(c) for c in (read_config(folder), settings.read(settings.dump(config), "").values))
    different = sorted(key for key in {*old, *new} if old.get(key, ...) != new.get(key, ...))
    if different:
        key = different[0]
        raise ValueError(
            f"{folder} holds a run with other settings: {key} was {old.get(key)!r} and is now {new.get(key)!r}; "
            "resume with the same settings, or start anew with --overwrite"
        )


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Flatten one level, without what may change between two parts of a run."""
    flat = {"seed": config.get("seed")}
    for part in ("dataset", "classifier"):
        values = config.get(part) or {}
        own = present_names(values) if part == "classifier" else values
        flat |= {f"{part}.{key}": value for key, value in own.items()}
    return {key: value for key, value in flat.items() if key not in FREE}


def _finished(folder: Path) -> dict[str, Any] | None:
    path = folder / "metrics.json"
    return _read(path) if path.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    """Return what a JSON file of a run holds."""
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError(f"it holds no mapping but {found!r}")
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged or missing ({error}): make the run anew with --overwrite") from error
    return found
