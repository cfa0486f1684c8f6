"""The schema of settings: which keys they may have, read from the signatures of the constructors.

The constructors hold the only defaults; this file adds none but the data set that is fitted when none is named.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import get_type_hints

from ssvae.registry import LazyTable, former_names, imported
from ssvae.settings.checks import ComponentSchema, Settings, SettingsSource, check
from ssvae.settings.files import merge
from ssvae.settings.renamed import RENAMED, renamed

DEFAULT_DATASET = {"name": "digits", "labels": 100}

# Argument of a constructor -> the table that its names come from, wherever that argument appears.
TABLES = {
    "model": "ssvae.models:MODELS",
    "likelihood": "ssvae.likelihoods:LIKELIHOODS",
    "inference": "ssvae.inference:INFERENCES",
    "gradient": "ssvae.gradients:GRADIENTS",
    "class_gradient": "ssvae.gradients:GRADIENTS",
    "preprocessing": "ssvae.preprocessing:PREPROCESSING",
}
# Arguments that settings cannot hold: objects, and former names, which are read as the present ones.
NO_SETTINGS = ("callbacks", *RENAMED)


def resolve(*sources: SettingsSource) -> Settings:
    """Merge settings into the defaults, check every key and value, and return complete settings.

    Raises
    ------
    ValueError
        At the first key or value that is not allowed, naming the file and line, or the option.
    """
    sources = tuple(renamed(source) for source in sources)
    config = merge(defaults(), *[source.values for source in sources])
    config["dataset"] = _named(config["dataset"])
    check(config, schema(), sources)
    if config["seed"] < 0:
        raise ValueError(f"seed must be 0 or more, was given {config['seed']}")
    return config


def _named(dataset: object) -> object:
    """Return the data set's settings with the default one named where neither a name nor a file is given."""
    if not isinstance(dataset, Mapping | str):
        return dataset  # `check` says what is wrong with it
    given = {key: value for key, value in merge({}, dataset).items() if key != "name" or value is not None}
    return {"labels": None, **given} if given.get("data") else merge(DEFAULT_DATASET, given)


def schema() -> dict[str, object]:
    """Return what is allowed, as `ssvae.settings.checks.check` takes it."""
    classifier = _constructor()
    return {
        "seed": int,
        "dataset": ComponentSchema(
            "dataset", imported("ssvae.datasets:DATASETS").names(), _dataset_arguments, nameless=True
        ),
        "classifier": {key: value for key, value in arguments(classifier).items() if key not in NO_SETTINGS},
    }


def defaults() -> Settings:
    """Return the settings of a run in which nothing was chosen."""
    parameters = inspect.signature(_constructor()).parameters
    chosen = {name: p.default for name, p in parameters.items() if name not in NO_SETTINGS}
    return {"seed": 0, "dataset": {}, "classifier": chosen}


def arguments(factory: Callable[..., object]) -> dict[str, object]:
    """Return the schema of a constructor's arguments: tables for slots, annotations for the rest."""
    found: dict[str, object] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD and name != "self":
            found[name] = _slot(name, parameter.default) or _annotation(factory, parameter)
    return {**found, **{old: found[new] for old, new in former_names(factory).items()}}


def _constructor() -> type:
    return importlib.import_module("ssvae").SSVAEClassifier


def _annotation(factory: Callable[..., object], parameter: inspect.Parameter) -> object:
    """Return the annotation of a parameter; the type of its default where only a type checker resolves that."""
    function = inspect.unwrap(factory.__init__ if inspect.isclass(factory) else factory)
    only = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return get_type_hints(only, vars(importlib.import_module(function.__module__)))[parameter.name]
    except (NameError, TypeError):
        return type(parameter.default) if isinstance(parameter.default, bool | int | float) else object


def _slot(name: str, default: object) -> ComponentSchema | None:
    """Return the schema of a slot: its table's names, "auto", or null where that is the default."""
    if name not in TABLES:
        return None
    table: LazyTable[type] = imported(TABLES[name])
    free = type(None) if default is None else None
    names = list(dict.fromkeys(["auto", *table.names()]))
    return ComponentSchema(name, names, lambda name: _component_arguments(table, name), free=free)


def _component_arguments(table: LazyTable[type], name: str | None) -> Mapping[str, object]:
    return arguments(table.get(name)) if name in table.names() else {}


def _dataset_arguments(name: str | None) -> Mapping[str, object]:
    """Return the loader's arguments, and those that belong to the run: which rows keep their label."""
    where = imported("ssvae.datasets:DATASETS").get(name) if name else imported("ssvae.readers.read:read_table")
    own = {key: kind for key, kind in arguments(where).items() if key != "path"}
    return {**own, "data": str | None, "target": str | None, "folder": str | None, "labels": int | None}
