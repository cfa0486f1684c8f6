"""Tables of papers that `ssvae reproduce` trains and measures, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssvae.registry import LazyTable

if TYPE_CHECKING:
    from ssvae.experiments.reproductions.base import TableRow

REPRODUCTIONS: LazyTable[Mapping[str, TableRow]] = LazyTable(
    "table",
    {
        "auxiliary": "ssvae.experiments.reproductions.auxiliary:TABLE",
        "nvil": "ssvae.experiments.reproductions.nvil:TABLE",
    },
)
