"""The schema of settings: which keys they may have, read from the signatures of the constructors.

The constructors hold the only defaults; this file adds none but the data set that is fitted when none is named.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Union, get_args, get_origin

from ssvae.registry import LazyTable, imported
from ssvae.settings.checks import ComponentSchema, ListSchema, Settings, SettingsSource, check
from ssvae.settings.files import merge
from ssvae.settings.renamed import RENAMED, renamed
from ssvae.settings.signatures import Unknown, attribute, signature

CLASSIFIER = "ssvae.estimator.classifier:SSVAEClassifier"
DEFAULT_DATASET = {"name": "digits", "labels": 100}
OWN_DATA = {"labels": None, "test": 0.0}  # written out, for runs of an older version held out a fifth

# Argument of a constructor -> the table that its names come from, wherever that argument appears.
TABLES = {
    "model": "ssvae.models:MODELS",
    "likelihood": "ssvae.likelihoods:LIKELIHOODS",
    "inference": "ssvae.inference:INFERENCES",
    "gradient": "ssvae.gradients:GRADIENTS",
    "class_gradient": "ssvae.gradients:GRADIENTS",
    "preprocessing": "ssvae.preprocessing:PREPROCESSING",
}
# Arguments that settings do not hold: objects, what belongs to the data, and former names, read as the present ones.
NO_SETTINGS = ("callbacks", "columns", *RENAMED)


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
    return {**OWN_DATA, **given} if given.get("data") else merge(DEFAULT_DATASET, given)


def schema() -> dict[str, object]:
    """Return what is allowed, as `ssvae.settings.checks.check` takes it."""
    return {
        "seed": int,
        "dataset": ComponentSchema(
            "dataset", imported("ssvae.datasets:DATASETS").names(), _dataset_arguments, nameless=True
        ),
        "classifier": {key: value for key, value in arguments(CLASSIFIER).items() if key not in NO_SETTINGS},
    }


def defaults() -> Settings:
    """Return the settings of a run in which nothing was chosen."""
    parameters = signature(CLASSIFIER).parameters
    chosen = {name: p.default for name, p in parameters.items() if name not in NO_SETTINGS}
    return {"seed": 0, "dataset": {}, "classifier": chosen}


def arguments(where: str) -> dict[str, object]:
    """Return the schema of the arguments of "module:Class": tables for slots, annotations for the rest."""
    found: dict[str, object] = {}
    for name, parameter in signature(where).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD:
            found[name] = _slot(name, parameter.default) or in_settings(parameter.annotation)
    former = attribute(where, "renamed") or {}
    return {**found, **{old: found[new] for old, new in former.items()}}


def in_settings(annotation: object) -> object:
    """Return what of an annotation settings can hold: no objects, unless nothing else is known.

    >>> in_settings(int | Unknown), in_settings(Unknown)
    (<class 'int'>, <class 'object'>)
    """
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    known = [kind for kind in kinds if kind is not Unknown]
    return functools.reduce(operator.or_, known) if known else object


def _slot(name: str, default: object) -> ComponentSchema | ListSchema | None:
    """Return the schema of a slot: its table's names, "auto", or null where that is the default."""
    if name == "regularizers":
        return ListSchema(_component("regularizer", imported("ssvae.regularizers:REGULARIZERS")))
    if name not in TABLES:
        return None
    return _component(name, imported(TABLES[name]), ["auto"], type(None) if default is None else None)


def _component(kind: str, table: LazyTable[type], others: Sequence[str] = (), free: object = None) -> ComponentSchema:
    names = list(dict.fromkeys([*others, *table.names()]))
    return ComponentSchema(kind, names, lambda name: _component_arguments(table, name), free=free)


def _component_arguments(table: LazyTable[type], name: str | None) -> Mapping[str, object]:
    return arguments(table.where(name)) if name in table.names() else {}


def _dataset_arguments(name: str | None) -> Mapping[str, object]:
    """Return the loader's arguments, and those that belong to the run: which rows keep their label."""
    where = imported("ssvae.datasets:DATASETS").where(name) if name else "ssvae.readers.read:read_table"
    own = {key: kind for key, kind in arguments(where).items() if key != "path"}
    return {**own, "data": str | None, "target": str | None, "folder": str | None, "labels": int | None}
