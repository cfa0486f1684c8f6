"""What every small interchangeable piece shares: plain settings, equality, and a config to save."""

from __future__ import annotations

import dataclasses
from typing import Any, Self


class Component:
    """A frozen dataclass whose fields are its whole configuration.

    Subclasses are decorated with ``@dataclass(frozen=True)``; two pieces are equal when their settings are, which
    is what lets compiled steps be shared between fits.
    """

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the piece from `get_config`."""
        return cls(**config)
