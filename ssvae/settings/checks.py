"""Checks of settings: values against annotations, keys against a schema, with errors that name file and line."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias, Union, get_args, get_origin

from ssvae.registry import slot_name, unknown

Path_ = tuple[str, ...]

# What YAML can hold: null, true or false, a number, text, a list or a mapping of such.
Setting: TypeAlias = "float | str | Sequence[Setting] | Mapping[str, Setting] | None"
# Settings by key. What each key holds is checked against the constructors' signatures when they are read, which mypy
# does not see; the constructors then take them by ** as they are.
Settings: TypeAlias = dict[str, Any]

_WORDS: dict[object, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    type(None): "null",
    list: "a list",
    tuple: "a list",
    Sequence: "a list",
    dict: "a mapping",
    Mapping: "a mapping",
}


class SettingsSource(NamedTuple):
    """Settings from one place: a file, one ``--set``, the command line."""

    name: str
    values: Settings
    # Line of each key, counted from 1; empty where there are no lines.
    lines: Mapping[Path_, int] = types.MappingProxyType({})


class ComponentSchema(NamedTuple):
    """Schema of something chosen by name: a name, or a mapping with a name and that component's arguments."""

    kind: str
    names: list[str]
    arguments: Callable[[str | None], Mapping[str, object]]  # name -> schema of its arguments
    nameless: bool = False  # whether the mapping may leave the name out
    free: object = None  # what else the slot takes, as an annotation ("auto" beside the names, None)


class ListSchema(NamedTuple):
    """Schema of a list of components."""

    component: ComponentSchema


def accepts(kind: object, value: object) -> bool:
    """Say whether a value fits an annotation; annotations that YAML cannot hold accept everything.

    >>> accepts(float | None, 1), accepts(int, 0.5), accepts(list[int], [1, "a"]), accepts(float, True)
    (True, False, False, False)
    """
    origin = get_origin(kind) or kind
    if origin in (Union, types.UnionType):
        return any(accepts(part, value) for part in get_args(kind))
    if origin is Literal:
        return any(type(value) is type(allowed) and value == allowed for allowed in get_args(kind))
    if kind is None or origin is type(None):
        return value is None
    if origin in (float, int):
        return isinstance(value, int if origin is int else (int, float)) and not isinstance(value, bool)
    if origin is bool or origin is str:
        return isinstance(value, bool if origin is bool else str)
    if origin in (list, tuple, Sequence):
        inner = [part for part in get_args(kind) if part is not Ellipsis] or [object]
        return isinstance(value, list | tuple) and all(accepts(inner[0], part) for part in value)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    return True


def whole(argument: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number that is at least `least` and at most `most`; True and 2.0 are none.

    >>> whole("steps", 3)
    3

    Raises
    ------
    ValueError
        Naming the argument.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{argument} must be an integer >= {least}, got {value!r}")
    if most is not None and int(value) > most:
        raise ValueError(f"{argument} must be at most {most:,}, got {value!r}")
    return int(value)


def one_of(argument: str, value: object, allowed: Collection[object]) -> None:
    """Raise unless a value is one of those that are allowed.

    >>> one_of("decay", "linear", ("linear", "constant"))

    Raises
    ------
    ValueError
        Naming the argument, and what is allowed.
    """
    if value not in allowed:
        raise ValueError(f"{argument} must be one of {list(allowed)}, got {value!r}")


def describe(kind: object) -> str:
    """Describe an annotation for error messages.

    >>> describe(float | Literal["auto"] | None)
    "a number, 'auto' or null"
    """
    origin = get_origin(kind) or kind
    if origin in (Union, types.UnionType):
        words = list(dict.fromkeys(describe(part) for part in get_args(kind)))
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    if origin is Literal:
        return " or ".join(repr(allowed) for allowed in get_args(kind))
    return _WORDS.get(origin, origin.__name__ if isinstance(origin, type) else str(origin))


def check(values: Mapping[str, object], schema: Mapping[str, object], sources: tuple[SettingsSource, ...] = ()) -> None:
    """Raise ValueError at the first key or value that the schema does not allow, saying where it was given.

    Parameters
    ----------
    values : Mapping
        Merged settings.
    schema : Mapping
        Key -> a nested mapping, a `ComponentSchema`, or an annotation such as ``float | None``.
    sources : tuple of SettingsSource
        Where the settings came from, for the message.
    """
    _check(values, schema, (), sources)


def _check(value: object, schema: object, path: Path_, sources: tuple[SettingsSource, ...]) -> None:
    if isinstance(schema, ListSchema):
        if not isinstance(value, list | tuple):
            _fail(f"{'.'.join(path)} must be a list, [] for none, was given {value!r}", path, sources)
        for each in value:
            _check(each, schema.component, path, sources)
        return
    if isinstance(schema, ComponentSchema):
        schema = _arguments(value, schema, path, sources)
        if schema is None:
            return
        value = {k: v for k, v in value.items() if k != "name"} if isinstance(value, Mapping) else {}
    if not isinstance(schema, Mapping):
        if not accepts(schema, value):
            _fail(f"{'.'.join(path)} must be {describe(schema)}, was given {value!r}", path, sources)
        return
    if not isinstance(value, Mapping):
        _fail(f"{'.'.join(path)} must be a mapping, was given {value!r}", path, sources)
    for key, inner in value.items():
        if key not in schema:
            kind = f"{'.'.join(path)} key".strip()
            _fail(unknown(kind, key, sorted(schema)), (*path, str(key)), sources)
        _check(inner, schema[key], (*path, key), sources)


def _arguments(
    value: object, schema: ComponentSchema, path: Path_, sources: tuple[SettingsSource, ...]
) -> Mapping[str, object] | None:
    """Return the schema of the named component's arguments; None where the slot takes the value as it is."""
    if schema.free is not None and accepts(schema.free, value):
        return None
    name = slot_name(value)
    if name is None and schema.nameless and isinstance(value, Mapping):
        return schema.arguments(None)
    if not isinstance(name, str) or name not in schema.names:
        _fail(unknown(schema.kind, name, schema.names), path, sources)
    return schema.arguments(name)


def _fail(message: str, path: Path_, sources: tuple[SettingsSource, ...]) -> NoReturn:
    for source in reversed(sources):
        if path in source.lines:
            raise ValueError(f"{source.name}, line {source.lines[path]}: {message}")
        if _holds(source.values, path):
            raise ValueError(f"{source.name}: {message}")
    raise ValueError(message)


def _holds(values: object, path: Path_) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return bool(path)
