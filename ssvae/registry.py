"""Interchangeable components: their base class, and tables from which they are imported by name."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from ssvae.settings.deprecation import warn_deprecated

Entry = TypeVar("Entry", covariant=True)
Kind = TypeVar("Kind")

# What a slot takes: a name, a dict with a name and arguments, or an object of the kind (`Slot[Model]`).
Slot: TypeAlias = str | Mapping[str, object] | Kind


class Component:
    """A frozen dataclass whose fields are its whole configuration.

    Subclasses are decorated with ``@dataclass(frozen=True)``; two components are equal when their settings are, so
    that fits can share compiled steps.

    Attributes
    ----------
    renamed : Mapping of str to str
        Former names of arguments, which settings may still hold, and their present names.
    """

    renamed: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild the component from `get_config`."""
        return cls(**config)


Class = TypeVar("Class", bound=type[Component])


def accept_former_names(cls: Class) -> Class:
    """Let the constructor of a component take its arguments under their former names, with a FutureWarning."""
    construct = cls.__init__

    @functools.wraps(construct)
    def init(self: Component, *args: object, **arguments: object) -> None:
        for old in [old for old in cls.renamed if old in arguments]:
            new = cls.renamed[old]
            present = {name: value for name, value in arguments.items() if name not in cls.renamed}
            if new in inspect.signature(construct).bind_partial(self, *args, **present).arguments:
                raise ValueError(f"{old} of {cls.__name__} is the old name of {new}: give one")
            warn_deprecated(f"{old} of {cls.__name__}", new)
            arguments[new] = arguments.pop(old)
        construct(self, *args, **arguments)

    # mypy refuses an assignment to a method
    setattr(cls, "__init__", init)  # noqa: B010
    return cls


def unknown(kind: str, name: object, allowed: list[str]) -> str:
    """Say what was given, what is allowed and which name is nearest."""
    nearest = difflib.get_close_matches(str(name), allowed, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"unknown {kind} {name!r}, one of {allowed}{hint}"


def slot_name(slot: object) -> object:
    """Return the name in a slot, which holds a name, a dict with a name, or an object (returned as it is).

    >>> slot_name("m2"), slot_name({"name": "m2", "latent": 20})
    ('m2', 'm2')
    """
    return slot.get("name") if isinstance(slot, Mapping) else slot


def former_names(factory: Callable[..., object]) -> Mapping[str, str]:
    """Return the former names of a component's arguments, each with its present name."""
    return factory.renamed if isinstance(factory, type) and issubclass(factory, Component) else {}


def renamed_arguments(factory: Callable[..., object], slot: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments in a slot by their present names, with a FutureWarning for each former name."""
    arguments = dict(slot)
    for old, new in former_names(factory).items():
        if old in arguments and new not in arguments:
            warn_deprecated(f"{old} of {slot['name']!r}", new)
            arguments[new] = arguments.pop(old)
    return arguments


class LazyTable(Generic[Entry]):
    """Functions, classes or objects by name.

    Parameters
    ----------
    kind : str
        What the entries are, for error messages ("dataset").
    table : Mapping of str to str
        Name -> "module:attribute". Listing the names imports nothing.
    """

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def names(self) -> list[str]:
        """Return every name, sorted."""
        return sorted(self._table)

    def where(self, name: str) -> str:
        """Return "module:attribute" of a name that is in the table."""
        return self._table[name]

    def paths(self) -> list[str]:
        """Return "module:attribute" of every entry."""
        return list(self._table.values())

    def get(self, name: object) -> Entry:
        """Return the entry of a name.

        Raises
        ------
        ValueError
            If the name is not in the table.
        """
        if not isinstance(name, str) or name not in self._table:
            raise ValueError(unknown(self.kind, name, self.names()))
        return imported(self._table[name])

    def name_of(self, component: object) -> str | None:
        """Return the name of an object's class in the table, or None."""
        where = f"{type(component).__module__}:{type(component).__qualname__}"
        return next((name for name, path in self._table.items() if path == where), None)


class Registry(LazyTable[type[Kind]]):
    """Classes of interchangeable components by name; `build` makes a component of what a slot holds.

    Parameters
    ----------
    kind : str
        What the components are, for error messages ("model", "likelihood").
    table : Mapping of str to str
        Name -> "module:Class".
    base : str
        "module:Class" of their base class, which an object that is handed in must have.
    """

    def __init__(self, kind: str, table: Mapping[str, str], base: str) -> None:
        super().__init__(kind, table)
        self._base = base

    def build(self, slot: Slot[Kind], **context: object) -> Kind:
        """Turn a slot (a name, a dict with a name, or an object) into an object.

        Parameters
        ----------
        slot : str, dict or object
            ``"m2"``, ``{"name": "m2", "latent": 50}`` or an instance, which is returned as it is.
        **context
            What the caller knows (numbers of features, of classes); a component gets those that its
            constructor names, and the slot may override them.

        Raises
        ------
        ValueError
            If the name, or an argument of the dict, is unknown, or not the number or text that it should be, or an
            object is not a component of this kind.
        """
        if isinstance(slot, str):
            slot = {"name": slot}
        if not isinstance(slot, Mapping):
            return self._checked(slot)
        name = slot_name(slot)
        factory = self.get(name)
        arguments = renamed_arguments(factory, slot)
        del arguments["name"]
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

    def classes(self) -> dict[str, str]:
        """Return where each component's class stands, and the base class, by the names of the classes."""
        return {where.split(":")[1]: where for where in (self._base, *self._table.values())}

    def _checked(self, component: object) -> Kind:
        """Return an object that was handed in; refuse one of another kind."""
        base: type[Kind] = imported(self._base)
        if not isinstance(component, base):
            raise ValueError(
                f"{self.kind} must be one of {self.names()}, a dict with such a name, or an object of a subclass of "
                f"{self._base.replace(':', '.')}, got {component!r}"
            )
        return component


def imported(where: str) -> Any:  # known only at run time
    """Import and return "module:attribute"."""
    module, attribute = where.split(":")
    return getattr(importlib.import_module(module), attribute)


def lazy_names(package: str, where: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__`` by which its public names are imported at their first use.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    where : Mapping of str to str
        Public name -> "module:attribute", or "module".
    """

    def get(name: str) -> object:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; its public names are {sorted(where)}")
        return imported(where[name]) if ":" in where[name] else importlib.import_module(where[name])

    def names() -> list[str]:
        own = vars(sys.modules[package])
        special = (name for name in own if name.startswith("__") and name.endswith("__"))
        return sorted({*special, *own.get("__all__", ()), *where})

    return get, names


def _wrong_kind(annotation: object, value: object) -> str | None:
    """Return what an argument of a plain annotated type should be, or None where its value is that."""
    kinds = {
        "bool": (bool, "true or false"),
        "int": (Integral, "an integer"),
        "float": (Real, "a number"),
        "str": (str, "a text"),
    }
    kind, words = kinds.get(annotation.__name__ if isinstance(annotation, type) else str(annotation), (object, ""))
    truth = isinstance(value, bool) and words and kind is not bool
    return None if isinstance(value, kind) and not truth else words
