"""Signatures read from the source, against those that Python has of the imported classes and functions."""

import inspect
import types
from typing import Union, get_args, get_origin, get_type_hints

import pytest

from ssvae.registry import former_names, imported
from ssvae.settings.schema import CLASSIFIER, TABLES, in_settings
from ssvae.settings.signatures import attribute, signature

TABLES = [*dict.fromkeys([*TABLES.values(), "ssvae.regularizers:REGULARIZERS", "ssvae.datasets:DATASETS"])]
PLACES = [
    CLASSIFIER,
    "ssvae.readers.read:read_table",
    *(where for table in TABLES for where in imported(table).paths()),
]


PYTHONS = ("builtins", "typing", "types", "collections", "pathlib")


def plain(kind):
    """Return a type without the classes that settings cannot hold, as text that does not depend on a union's order."""
    if get_origin(kind) not in (Union, types.UnionType):
        return str(kind)
    parts = [part for part in get_args(kind) if not isinstance(part, type) or part.__module__.split(".")[0] in PYTHONS]
    return " | ".join(sorted(plain(part) for part in parts))


@pytest.mark.parametrize("where", PLACES)
def test_the_source_says_what_python_does(where):
    factory = imported(where)
    own, real = signature(where).parameters, inspect.signature(factory).parameters
    assert list(own) == list(real)
    assert {name: p.default for name, p in own.items()} == {name: p.default for name, p in real.items()}
    assert (attribute(where, "renamed") or {}) == former_names(factory)
    hints = get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    for name, parameter in own.items():
        if name in ("regularizers", "callbacks", "kwargs"):  # which settings do not hold, or not by their annotation
            continue
        known = in_settings(parameter.annotation)
        assert "Unknown" not in str(known), name
        if known is object:
            assert hints[name] is object or hints[name].__module__.startswith("ssvae"), name
        else:
            assert plain(known) == plain(hints[name]), name
