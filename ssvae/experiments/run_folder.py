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
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import ssvae
from ssvae.settings import files as settings
from ssvae.settings import schema
from ssvae.settings.checks import Settings, accepts, check, describe
from ssvae.settings.renamed import RENAMED
from ssvae.types import Dataset

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier

FILES = ("config.yaml", "environment.json", "dataset.json", "labeled.json", "history.csv", "metrics.json")
FORM = {"name": str, "feature_names": list[str] | None, "image_shape": list[int] | None}  # of dataset.json
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
        If the folder holds no run, or its settings are damaged.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise ValueError(f"{folder} is no run: it has no config.yaml; `ssvae fit` makes runs, by default in runs/")
    source = settings.load(path)
    values = source.values
    if not all(isinstance(values.get(part), dict) for part in ("dataset", "classifier")):
        held = ", ".join(map(str, values)) or "nothing"
        raise ValueError(f"{path}: the settings of a run are dataset and classifier, each a mapping; it holds {held}")
    classifier = {RENAMED.get(name, name): value for name, value in values["classifier"].items()}
    try:
        check({**values, "classifier": classifier}, schema.schema(), (source,))
    except ValueError as error:
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error
    return values


def absolute(config: Settings) -> Settings:
    """Return settings with the full names of files and folders, so that they mean the same from everywhere."""

    def full(values: object, key: str) -> object:
        path = values.get(key) if isinstance(values, Mapping) else None
        return (
            {**values, key: os.path.abspath(path)}
            if isinstance(values, Mapping) and path and isinstance(path, str)
            else values
        )

    dataset, classifier = config.get("dataset"), config.get("classifier")
    for key in ("data", "folder"):
        dataset = full(dataset, key)
    if isinstance(classifier, Mapping) and isinstance(classifier.get("model"), Mapping):
        own = {key: full(value, "trained") for key, value in classifier["model"].items()}
        classifier = {**classifier, "model": own}
    return {**config, "dataset": dataset, "classifier": classifier}


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
    form, classifier = read_json(folder / "dataset.json", FORM), ssvae.load(folder / "model")
    names, shape, features = form["feature_names"], form["image_shape"], classifier.n_features_in_
    if (names is not None and len(names) != features) or (shape is not None and math.prod(shape) != features):
        raise ValueError(f"{folder / 'dataset.json'} is damaged: it names other columns than the model's {features}")
    return Run(folder, config, classifier, form)


def load_dataset(config: Settings, folder: str | None = None) -> Dataset:
    """Load the data that settings name; `folder`, if given, is where its files may lie."""
    from ssvae.datasets import load

    options = {key: value for key, value in config["dataset"].items() if key != "labels"}
    if options.get("data"):  # what marks a row for the classifier is written where a file has no label
        options.setdefault("unlabeled", config.get("classifier", {}).get("unlabeled", -1))
    return load.load_dataset(**(options if folder is None else {**options, "folder": folder}))


def read_json(path: Path, needs: Mapping[str, object] = MappingProxyType({})) -> Settings:
    """Return what a JSON file of a run holds; `needs` says which keys it must have, and of which types.

    Raises
    ------
    ValueError
        If it is damaged or missing.
    """
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError(f"it holds no mapping but {str(found)[:50]}")
        for key, kind in needs.items():
            if key not in found or not accepts(kind, found[key]):
                raise ValueError(f"{key} must be {describe(kind)}, it is {str(found.get(key))[:50]}")
    except RecursionError as error:
        raise ValueError(f"{path} is damaged (nested too deep): make the run again with --overwrite") from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged or missing ({error}): make the run again with --overwrite") from error
    return found
