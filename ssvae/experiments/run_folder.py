"""The folder of a run: its files, and how it is opened again (`ssvae.experiments.folder_claim` writes to it).

::

    config.yaml       every setting, as resolved     dataset.json   form of the data: names, shape, rows
    environment.json  versions, threads, command     labeled.json   rows that keep their label
    history.csv       one line an epoch              model/         what `ssvae.load` reads
    metrics.json      the numbers; written last      figures/       PNG files
    checkpoint/       training state, while unfinished
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import ssvae
from ssvae.settings import files as settings
from ssvae.settings.checks import Settings
from ssvae.types import Dataset

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier

FILES = ("config.yaml", "environment.json", "dataset.json", "labeled.json", "history.csv", "metrics.json")
FOLDERS = ("model", "figures", "checkpoint")


class Run(NamedTuple):
    """A finished run, opened."""

    folder: Path
    config: Settings
    classifier: SSVAEClassifier
    form: Settings  # of the data: name, feature_names, image_shape


def read_config(folder: Path) -> Settings:
    """Return the settings of a run.

    Raises
    ------
    ValueError
        If the folder holds no run.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise ValueError(f"{folder} is no run: it has no config.yaml; `ssvae fit` makes runs, by default in runs/")
    return settings.load(path).values


def open_run(folder: str | Path) -> Run:
    """Open a finished run.

    Raises
    ------
    ValueError
        If the folder holds no run, the run is not finished, or its model is damaged.
    """
    folder = Path(folder)
    config = read_config(folder)
    if not (folder / "model").is_dir():
        raise ValueError(
            f"the run in {folder} is not finished, it has no model yet; continue it with `ssvae fit ... --resume`"
        )
    return Run(folder, config, ssvae.load(folder / "model"), read_json(folder / "dataset.json"))


def load_dataset(config: Settings, folder: str | None = None) -> Dataset:
    """Load the data that settings name; `folder`, if given, is where its files may lie."""
    from ssvae.datasets import load

    options = {key: value for key, value in config["dataset"].items() if key != "labels"}
    return load.load_dataset(**(options if folder is None else {**options, "folder": folder}))


def read_json(path: Path) -> Settings:
    """Return what a JSON file of a run holds."""
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError(f"it holds no mapping but {found!r}")
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged or missing ({error}): make the run again with --overwrite") from error
    return found
