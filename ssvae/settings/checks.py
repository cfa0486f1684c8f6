"""What settings are allowed: values against annotations, keys against a schema, and errors that say where."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin

from ssvae.registry import unknown

Path_ = tuple[str, ...]

# What YAML can hold: null, true or false, a number, text, a list or a mapping of such.
Setting: TypeAlias = "float | str | Sequence[Setting] | Mapping[str, Setting] | None"
# Settings by key. What each key holds is checked against the constructors' signatures when they are read, which mypy
# does not see; the constructors then take them by ** as they are.
Settings: TypeAlias = dict[str, Any]

_WORDS = {
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
    values: dict[str, Any]
    lines: Mapping[Path_, int] = types.MappingProxyType(
        {}
    )  # line of each key, counted from 1; empty where there are no lines


class ComponentSchema(NamedTuple):
    """Schema of something chosen by name: a name, or a mapping with a name and that piece's arguments."""

    kind: str
    names: list[str]
    arguments: Callable[[str | None], Mapping[str, Any]]  # name -> schema of its arguments
    nameless: bool = False  # whether the mapping may leave the name out
    free: Any = None  # what else the slot takes, as an annotation ("auto" beside the names, None)


def accepts(kind: Any, value: Any) -> bool:
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
    if origin in (bool, str):
        return isinstance(value, origin)
    if origin in (list, tuple, Sequence):
        inner = [part for part in get_args(kind) if part is not Ellipsis] or [Any]
        return isinstance(value, list | tuple) and all(accepts(inner[0], part) for part in value)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    return True


def whole(argument: str, value: Any, least: int = 1) -> int:
    """Return a whole number that is at least `least`; True and 2.0 are none.

    >>> whole("steps", 3)
    3

    Raises
    ------
    ValueError
        Naming the argument.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{argument} must be an integer >= {least}, got {value!r}")
    return int(value)


def one_of(argument: str, value: Any, allowed: Collection[Any]) -> None:
    """Raise where a value is none of those that are allowed.

    >>> one_of("decay", "linear", ("linear", "constant"))

    Raises
    ------
    ValueError
        Naming the argument, and what is allowed.
    """
    if value not in allowed:
        raise ValueError(f"{argument} must be one of {list(allowed)}, got {value!r}")


def describe(kind: Any) -> str:
    """Return an annotation in words.

    >>> describe(float | Literal["auto"] | None)
    "a number, 'auto' or null"
    """
    origin = get_origin(kind) or kind
    if origin in (Union, types.UnionType):
        words = list(dict.fromkeys(describe(part) for part in get_args(kind)))
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    if origin is Literal:
        return " or ".join(repr(allowed) for allowed in get_args(kind))
    return _WORDS.get(origin, str(getattr(origin, "__name__", origin)))


def check(values: Mapping[str, Any], schema: Mapping[str, Any], sources: tuple[SettingsSource, ...] = ()) -> None:
    """Raise ValueError at the first key or value that the schema does not allow, saying where it was given.

    Parameters
    ----------
    values : Mapping
        Merged settings.
    schema : Mapping
        Key -> a nested mapping, a `ComponentSchema`, or an annotation such as ``float | None``.
    sources : tuple of Source
        Where the settings came from, for the message.
    """
    _check(values, schema, (), sources)


def _check(value: Any, schema: Any, path: Path_, sources: tuple[SettingsSource, ...]) -> None:
    if isinstance(schema, ComponentSchema):
        schema = _piece(value, schema, path, sources)
        if schema is None:
            return
        value = {} if isinstance(value, str) else {k: v for k, v in value.items() if k != "name"}
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


def _piece(
    value: Any, piece: ComponentSchema, path: Path_, sources: tuple[SettingsSource, ...]
) -> Mapping[str, Any] | None:
    """Return the schema of the named piece's arguments; None where the slot takes the value as it is."""
    if piece.free is not None and accepts(piece.free, value):
        return None
    name = value.get("name") if isinstance(value, Mapping) else value
    if name not in piece.names and not (piece.nameless and isinstance(value, Mapping) and name is None):
        _fail(unknown(piece.kind, name, piece.names), path, sources)
    return piece.arguments(name)


def _fail(message: str, path: Path_, sources: tuple[SettingsSource, ...]) -> None:
    for source in reversed(sources):
        if path in source.lines:
            raise ValueError(f"{source.name}, line {source.lines[path]}: {message}")
        if _holds(source.values, path):
            raise ValueError(f"{source.name}: {message}")
    raise ValueError(message)


def _holds(values: Any, path: Path_) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return bool(path)
