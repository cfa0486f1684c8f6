"""The folder of a run: its files, and how it is opened again (`ssvae.experiments.folder_claim` writes to it).

::

    config.yaml       every setting, as resolved     dataset.json   form of the data: names, shape, rows
    environment.json  versions, threads, command     labeled.json   rows that keep their label
    history.csv       one line an epoch              model/         what `ssvae.load` reads
    metrics.json      the numbers; written last      figures/       PNG files
    checkpoint/       training state, while unfinished
    labels.csv        of a user's own data: the rows without a label, classified
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

import ssvae
from ssvae.readers import column_schema
from ssvae.readers.base import Rows
from ssvae.settings import files as settings
from ssvae.settings import schema
from ssvae.settings.checks import Settings, accepts, check, describe
from ssvae.settings.renamed import RENAMED
from ssvae.types import Dataset

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier

FILES = ("config.yaml", "environment.json", "dataset.json", "labeled.json", "history.csv", "metrics.json")
LABELS = "labels.csv"  # where there are rows without a label
FORM = {"name": str, "feature_names": list[str] | None, "image_shape": list[int] | None}  # of dataset.json
OLDER = {"test": 0.2, "set_aside": False}  # how versions without these settings read a user's own data
FOLDERS = ("model", "figures", "checkpoint")


@dataclass(frozen=True)
class Run:
    """A finished run, opened; its classifier is loaded at its first use, which imports TensorFlow."""

    folder: Path
    config: Settings
    form: Settings  # of the data: name, feature_names, image_shape
    features: int  # D, columns of the rows

    @cached_property
    def classifier(self) -> SSVAEClassifier:
        """Return the trained classifier.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        return ssvae.load(self.folder / "model")


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
    dataset = values["dataset"]
    if dataset.get("data") and "test" not in dataset:
        values = {**values, "dataset": {**OLDER, **dataset}}
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
    for key in ("data", "folder", "unlabelled_file", "labels_file", "test"):
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
        If the folder holds no run, the run is not finished, or its files are damaged; of the model, only its manifest
        is read.
    """
    folder = Path(folder)
    config = read_config(folder)
    if not (folder / "model").is_dir():
        raise ValueError(
            f"the run in {folder} is not finished, it has no model yet; continue it with `ssvae fit ... --resume`"
        )
    form = read_json(folder / "dataset.json", FORM)
    features = read_json(folder / "model" / "manifest.json", {"features": int})["features"]
    names, shape = form["feature_names"], form["image_shape"]
    if form.get("columns") is not None:
        names = _features_of(form["columns"], folder / "dataset.json")
    if (names is not None and len(names) != features) or (shape is not None and math.prod(shape) != features):
        raise ValueError(f"{folder / 'dataset.json'} is damaged: it names other columns than the model's {features}")
    return Run(folder, config, form, features)


def _features_of(columns: object, path: Path) -> tuple[str, ...]:
    """Return the names of the features of columns that a run's dataset.json describes."""
    try:
        return column_schema.feature_names(column_schema.from_json(columns))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): make the run again with --overwrite") from error


def load_dataset(config: Settings, folder: str | None = None) -> Dataset:
    """Load the data that settings name; `folder`, if given, is where its files may lie."""
    from ssvae.datasets import load

    options = {key: value for key, value in config["dataset"].items() if key != "labels"}
    if options.get("data"):  # what marks a row for the classifier is written where a file has no label
        options.setdefault("unlabeled", config.get("classifier", {}).get("unlabeled", -1))
    return load.load_dataset(**(options if folder is None else {**options, "folder": folder}))


def load_test_rows(run: Run, folder: str | None) -> tuple[Rows, np.ndarray, Dataset]:
    """Load the data of a run; return its test rows, their labels, and all of it.

    Raises
    ------
    ValueError
        If they cannot be read, have none, or have other columns than the model.
    """
    dataset = load_dataset(run.config, folder)
    if dataset.x_test is None or dataset.y_test is None:
        raise ValueError(
            f"data set {dataset.name!r} has no test rows: `ssvae fit --test` holds some out, or takes a file"
        )
    check_columns(run, dataset.x_test, dataset.name)
    return dataset.x_test, dataset.y_test, dataset


def check_columns(run: Run, rows: Rows, origin: object) -> None:
    """Check that rows have as many columns as those that a run's model was fitted on.

    Raises
    ------
    ValueError
        If they have others.
    """
    if rows.shape[1] != run.features:
        raise ValueError(
            f"{origin} has {rows.shape[1]} columns, the model of {run.folder} was fitted on {run.features}: give rows "
            "of the same columns"
        )


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
