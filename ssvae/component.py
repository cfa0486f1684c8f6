"""`Component`, the base of small interchangeable objects: plain settings, equality, and a config to save."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self


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
