"""What every small interchangeable piece shares: plain settings, equality, and a config to save."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self


class Component:
    """A frozen dataclass whose fields are its whole configuration.

    Subclasses are decorated with ``@dataclass(frozen=True)``; two pieces are equal when their settings are, which
    is what lets compiled steps be shared between fits.

    Attributes
    ----------
    renamed : Mapping of str to str
        Former names of arguments, which settings may still hold, and the names of today.
    """

    renamed: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the piece from `get_config`."""
        return cls(**config)
