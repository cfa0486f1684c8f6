"""Signatures and constants, read from the source: to import most of the modules that have them would start TensorFlow.

Of a dataclass they are its fields, those of its bases first. Names in annotations that are none of Python's own types
are `Unknown`; defaults are literals or constants of the module.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import math
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.abc import InspectLoader
from pathlib import Path
from typing import Any

from ssvae.registry import Slot

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Anything(type):
    """Metaclass of `Unknown`: whatever is asked of the type is unknown, too."""

    def __getattr__(cls, name: str) -> type[Unknown]:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown

    def __getitem__(cls, item: object) -> type[Unknown]:
        return Unknown


class Unknown(metaclass=_Anything):
    """A type that only an import would give."""


TYPES: dict[str, object] = {
    **{kind.__name__: kind for kind in (bool, bytes, dict, float, int, list, object, str, tuple, type)},
    "Literal": typing.Literal,
    "Mapping": Mapping,
    "Path": Path,
    "Sequence": Sequence,
    "Slot": Slot,
}


@cache
def signature(where: str) -> inspect.Signature:
    """Return the signature of "module:Class", without self, or of "module:function".

    >>> print(signature("ssvae.gradients.topm:TopM"))
    (*, count: int = 8, draws: int = 1)

    Raises
    ------
    ValueError
        If the source has no such class or function, or a default that is no constant.
    """
    module, name = where.split(":")
    node = _definitions(module).get(name)
    if isinstance(node, _Function):
        return inspect.Signature(_parameters(module, node))
    if not isinstance(node, ast.ClassDef):
        raise ValueError(f"{module} defines no {name!r}")
    return inspect.Signature(list(_constructor(module, node).values()))


def constant(where: str) -> Any:
    """Return a constant, "module:NAME"."""
    module, name = where.split(":")
    return _value(module, ast.Name(name))


@cache
def attribute(where: str, name: str) -> Any:
    """Return a constant that a class, or the nearest of its bases, has in its body; None where none has."""
    module, class_name = where.split(":")
    found = _definitions(module)[class_name]
    for owner, node in _lineage(module, found) if isinstance(found, ast.ClassDef) else ():
        for each in node.body:
            if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
                target = each.targets[0] if isinstance(each, ast.Assign) else each.target
                if isinstance(target, ast.Name) and target.id == name:
                    return _value(owner, each.value)
    return None


@cache
def _definitions(module: str) -> dict[str, ast.AST]:
    """Return what a module of this package defines by name: functions, classes, values, and names that it imports."""
    spec = importlib.util.find_spec(module)
    loader = None if spec is None else spec.loader
    source = loader.get_source(module) if isinstance(loader, InspectLoader) else None
    found: dict[str, ast.AST] = {}
    for node in ast.parse(source or "").body:
        if isinstance(node, ast.ImportFrom):
            found.update((name.asname or name.name, node) for name in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update((target.id, node.value) for target in targets if isinstance(target, ast.Name) and node.value)
        elif isinstance(node, ast.ClassDef | _Function):
            found[node.name] = node
    return found


def _lineage(module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield a class and its bases in this package, each with its module, the nearest first."""
    yield module, node
    for base in node.bases:
        name = base.value if isinstance(base, ast.Subscript) else base
        found = _resolved(module, name.id) if isinstance(name, ast.Name) else None
        if found and isinstance(found[1], ast.ClassDef):
            yield from _lineage(found[0], found[1])


def _resolved(module: str, name: str) -> tuple[str, ast.AST] | None:
    """Return where a name of a module is defined, in this package, and how."""
    node = _definitions(module).get(name)
    if isinstance(node, ast.ImportFrom):
        origin = node.module or ""
        original = next(each.name for each in node.names if (each.asname or each.name) == name)
        return _resolved(origin, original) if origin.split(".")[0] == __name__.split(".")[0] else None
    return None if node is None else (module, node)


def _constructor(module: str, node: ast.ClassDef) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class by name: of the nearest `__init__`, or the fields of dataclasses."""
    fields: dict[str, inspect.Parameter] = {}
    for owner, each in _lineage(module, node):
        own = next((inner for inner in each.body if isinstance(inner, _Function) and inner.name == "__init__"), None)
        if own is not None:
            return {one.name: one for one in _parameters(owner, own)[1:]}
        if any("dataclass" in ast.unparse(decorator) for decorator in each.decorator_list):
            fields = {**_fields(owner, each), **fields}
    return fields


def _fields(module: str, node: ast.ClassDef) -> dict[str, inspect.Parameter]:
    """Return the fields of a dataclass itself, as parameters by name."""
    found = {}
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation):
            name = ast.unparse(each.target)
            found[name] = _parameter(module, name, inspect.Parameter.KEYWORD_ONLY, each.value, each.annotation)
    return found


def _parameters(module: str, node: _Function) -> list[inspect.Parameter]:
    """Return the parameters of a function."""
    arguments, kinds = node.args, inspect.Parameter
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    every: list[tuple[ast.arg, Any, ast.expr | None]] = [
        (one, kinds.POSITIONAL_OR_KEYWORD, default) for one, default in zip(positional, defaults, strict=True)
    ]
    only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    every += [(one, kinds.KEYWORD_ONLY, default) for one, default in only]
    every += [(arguments.kwarg, kinds.VAR_KEYWORD, None)] if arguments.kwarg else []
    return [_parameter(module, one.arg, kind, default, one.annotation) for one, kind, default in every]


def _parameter(
    module: str, name: str, kind: Any, default: ast.expr | None, annotation: ast.expr | None
) -> inspect.Parameter:
    value = inspect.Parameter.empty if default is None else _value(module, default)
    return inspect.Parameter(name, kind, default=value, annotation=_type(annotation))


class _Types(dict[str, object]):
    """Python's own types by name; any other name is `Unknown`."""

    def __missing__(self, name: str) -> type[Unknown]:
        return Unknown


def _type(node: ast.expr | None) -> Any:
    """Return the type that an annotation stands for."""
    if node is None:
        return object
    code = compile(ast.Expression(node), "<annotation>", "eval")
    return eval(code, {"__builtins__": {}}, _Types(TYPES))


def _value(module: str, node: ast.expr) -> Any:
    """Return what a default stands for: a literal, or a constant of the module."""
    if isinstance(node, ast.Name):
        found = _resolved(module, node.id)
        if found is not None and isinstance(found[1], ast.expr):
            return _value(found[0], found[1])
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "MappingProxyType":
        return _value(module, node.args[0])
    if isinstance(node, ast.Tuple):
        return tuple(_value(module, each) for each in node.elts)
    if ast.unparse(node) == "math.inf":
        return math.inf
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise ValueError(f"{module}, line {node.lineno}: {ast.unparse(node)} is no constant") from error
