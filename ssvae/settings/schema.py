"""The keys that settings may have: the constructors' own arguments, read from their signatures.

The constructors hold the only defaults; this file adds none but the data set that is fitted when none is named.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from ssvae.registry import Registry, former_names, imported
from ssvae.settings.checks import ComponentSchema, SettingsSource, check
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
# What settings cannot hold: objects, which only Python can hand in, and old names, which are read as today's.
NO_SETTINGS = ("callbacks", *RENAMED)


def resolve(*sources: SettingsSource) -> dict[str, Any]:
    """Lay sources over the defaults, check every key and value, and return complete settings.

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


def _named(dataset: Any) -> Any:
    """Return the data set's settings with the default one named where neither a name nor a file is given."""
    if not isinstance(dataset, Mapping | str):
        return dataset  # `check` says what is wrong with it
    dataset = {key: value for key, value in merge({}, dataset).items() if key != "name" or value is not None}
    return {"labels": None, **dataset} if dataset.get("data") else merge(DEFAULT_DATASET, dataset)


def schema() -> dict[str, Any]:
    """Return what is allowed, as `ssvae.settings.checks.check` takes it."""
    classifier = _constructor()
    return {
        "seed": int,
        "dataset": ComponentSchema(
            "dataset", imported("ssvae.datasets:DATASETS").names(), _dataset_arguments, nameless=True
        ),
        "classifier": {key: value for key, value in arguments(classifier).items() if key not in NO_SETTINGS},
    }


def defaults() -> dict[str, Any]:
    """Return the settings of a run in which nothing was chosen."""
    parameters = inspect.signature(_constructor()).parameters
    chosen = {name: p.default for name, p in parameters.items() if name not in NO_SETTINGS}
    return {"seed": 0, "dataset": {}, "classifier": chosen}


def arguments(factory: Callable[..., Any]) -> dict[str, Any]:
    """Return the schema of a constructor's arguments: tables for slots, annotations for the rest."""
    try:
        hints = get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    except (NameError, TypeError):  # annotations that only a type checker resolves
        hints = {}
    found = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD and name != "self":
            found[name] = _slot(name, parameter.default) or hints.get(name, _kind_of(parameter.default))
    return {**found, **{old: found[new] for old, new in former_names(factory).items()}}


def _constructor() -> type:
    return importlib.import_module("ssvae").SSVAEClassifier


def _slot(name: str, default: Any) -> ComponentSchema | None:
    """Return the schema of a slot: its table's names, "auto", or null where that is the default."""
    if name not in TABLES:
        return None
    table: Registry = imported(TABLES[name])
    free = type(None) if default is None else None
    names = list(dict.fromkeys(["auto", *table.names()]))
    return ComponentSchema(name, names, lambda piece: _piece_arguments(table, piece), free=free)


def _piece_arguments(table: Registry, name: str | None) -> Mapping[str, Any]:
    return arguments(table.get(name)) if name in table.names() else {}


def _dataset_arguments(name: str | None) -> Mapping[str, Any]:
    """Return the loader's arguments, and those that belong to the run: which rows keep their label."""
    where = imported("ssvae.datasets:DATASETS").get(name) if name else imported("ssvae.readers.read:read_table")
    own = {key: kind for key, kind in arguments(where).items() if key != "path"}
    return {**own, "data": str | None, "target": str | None, "folder": str | None, "labels": int | None}


def _kind_of(default: Any) -> Any:
    return type(default) if isinstance(default, bool | int | float) else Any
