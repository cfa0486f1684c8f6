"""Arguments of the estimator's components by scikit-learn's names with two underscores, such as ``model__latent``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TypeAlias

from ssvae.estimator.arguments import SUPPLIED_BY_FIT, TABLES
from ssvae.preprocessing.base import Preprocessing
from ssvae.registry import Component, former_names, slot_name, unknown

Values: TypeAlias = dict[str, object]


def flat(name: str, value: object) -> Values:
    """Return the arguments inside of one argument, by their names with underscores; none where it is no such slot.

    >>> flat("model", {"name": "m1_m2", "m1": {"latent": 5}})
    {'model__name': 'm1_m2', 'model__m1': {'latent': 5}, 'model__m1__latent': 5}
    """
    found: Values = {}
    for key, inner in _inside(value).items():
        found[f"{name}__{key}"] = inner
        found |= flat(f"{name}__{key}", inner)
    return found


def grouped(changes: Mapping[str, object]) -> tuple[Values, dict[str, Values]]:
    """Return changes of whole arguments, and those inside of arguments by the argument's name.

    >>> grouped({"alpha": 0.2, "model__latent": 5, "model__m1__hidden": [9]})
    ({'alpha': 0.2}, {'model': {'latent': 5, 'm1__hidden': [9]}})
    """
    whole: Values = {}
    inside: dict[str, Values] = {}
    for name, value in changes.items():
        argument, nested, key = name.partition("__")
        if nested:
            inside.setdefault(argument, {})[key] = value
        else:
            whole[name] = value
    return whole, inside


def changed(name: str, value: object, changes: Mapping[str, object]) -> object:
    """Return an argument's value with some of what is inside of it changed; the value itself stays as it is.

    A name of another component starts with that one's defaults, as it does in settings.

    Raises
    ------
    ValueError
        If nothing of this name is inside of it.
    """
    whole, inside = grouped(changes)
    if isinstance(value, Component | Preprocessing):
        _refuse_unknown(name, type(value), type(value).__name__, [*whole, *inside])
        own = value.get_config()
        return (
            type(value).from_config({**own, **whole}) if isinstance(value, Component) else type(value)(**own, **whole)
        )
    if not isinstance(value, Mapping) and not (isinstance(value, str) and name in TABLES):
        raise ValueError(
            f"{name} is {value!r}, which has no arguments to set by {name}__{next(iter(changes))}: give a dict "
            f"({name}={{...}}) first"
        )
    own = dict(value) if isinstance(value, Mapping) else {"name": value}
    if whole.get("name", own.get("name")) != own.get("name"):
        own = {}
    own |= whole
    for key, inner in inside.items():
        own[key] = changed(f"{name}__{key}", own.get(key) or {}, inner)
    if name in TABLES and slot_name(own) in TABLES[name].names():
        factory = TABLES[name].get(slot_name(own))
        _refuse_unknown(name, factory, str(slot_name(own)), [*whole, *inside])
    return own


def _inside(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return {str(key): inner for key, inner in value.items()}
    return value.get_config() if isinstance(value, Component | Preprocessing) else {}


def _refuse_unknown(name: str, factory: type, called: str, keys: list[str]) -> None:
    allowed = [key for key in inspect.signature(factory).parameters if key not in ("kwargs", *SUPPLIED_BY_FIT)]
    for key in keys:
        if key not in ("name", "seed", *allowed, *former_names(factory)):
            raise ValueError(unknown(f"argument of {name} {called!r}:", key, allowed))
