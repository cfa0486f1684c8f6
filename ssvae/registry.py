"""A table of interchangeable pieces: name -> "module:Class", imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any


def unknown(kind: str, name: object, allowed: list[str]) -> str:
    """Say what was given, what is allowed and which name is nearest."""
    nearest = difflib.get_close_matches(str(name), allowed, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"unknown {kind} {name!r}, one of {allowed}{hint}"


def slot_name(slot: Any) -> Any:
    """Return the name in a slot, which holds a name, a dict with a name, or an object (returned as it is).

    >>> slot_name("m2"), slot_name({"name": "m2", "latent": 20})
    ('m2', 'm2')
    """
    return slot.get("name") if isinstance(slot, Mapping) else slot


class Registry:
    """Pieces of one kind by name.

    Parameters
    ----------
    kind : str
        What the pieces are, for error messages ("model", "likelihood").
    table : Mapping of str to str
        Name -> "module:Class". Listing the names imports nothing.
    method : str
        What every piece has, and an object that is handed in must have.
    """

    def __init__(self, kind: str, table: Mapping[str, str], method: str = "") -> None:
        self.kind, self._method = kind, method
        self._table = dict(table)

    def names(self) -> list[str]:
        """Return every name, sorted."""
        return sorted(self._table)

    def get(self, name: str) -> Any:
        """Return the class (or function) behind a name.

        Raises
        ------
        ValueError
            If the name is not in the table.
        """
        if not isinstance(name, str) or name not in self._table:
            raise ValueError(unknown(self.kind, name, self.names()))
        module, attribute = self._table[name].split(":")
        return getattr(importlib.import_module(module), attribute)

    def name_of(self, piece: Any) -> str | None:
        """Return the name under which an object's class stands in the table, or None."""
        where = f"{type(piece).__module__}:{type(piece).__qualname__}"
        return next((name for name, path in self._table.items() if path == where), None)

    def build(self, slot: Any, **context: Any) -> Any:
        """Turn a slot (a name, a dict with a name, or an object) into an object.

        Parameters
        ----------
        slot : str, dict or object
            ``"m2"``, ``{"name": "m2", "latent": 50}`` or an instance, which is returned as it is.
        **context
            What the caller knows (numbers of features, of classes); a piece gets those that its
            constructor names, and the slot may override them.

        Raises
        ------
        ValueError
            If the name, or an argument of the dict, is unknown, or not the number or text that it should be, or an
            object is no piece of this kind.
        """
        if isinstance(slot, str):
            slot = {"name": slot}
        if not isinstance(slot, Mapping):
            if self._method and (isinstance(slot, type) or not hasattr(slot, self._method)):
                raise ValueError(
                    f"{self.kind} must be one of {self.names()}, a dict with such a name, or an object that has "
                    f"{self._method!r}, got {slot!r}"
                )
            return slot
        arguments = dict(slot)
        name = arguments.pop("name", None)
        factory = self.get(name)
        parameters = inspect.signature(factory).parameters
        allowed = [key for key, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD]
        for argument, value in arguments.items():
            if argument not in allowed:
                raise ValueError(unknown(f"argument of {self.kind} {name!r}:", argument, allowed))
            wrong = _wrong_kind(parameters[argument].annotation, value)
            if wrong:
                raise ValueError(f"{argument} of {self.kind} {name!r} must be {wrong}, got {value!r}")
        wanted = {key: value for key, value in context.items() if key in allowed}
        return factory(**{**wanted, **arguments})


def _wrong_kind(annotation: Any, value: Any) -> str | None:
    """Return what an argument that is annotated as a number or a text should be, where its value is no such thing."""
    kinds = {"int": (Integral, "an integer"), "float": (Real, "a number"), "str": (str, "a text")}
    kind, words = kinds.get(getattr(annotation, "__name__", annotation), (object, ""))
    return None if isinstance(value, kind) and not (words and isinstance(value, bool)) else words
