"""Table of the tables of papers that one command reproduces, row by row."""

from __future__ import annotations

from typing import Any

from ssvae.registry import LazyTable

REPRODUCTIONS: LazyTable[dict[str, Any]] = LazyTable(
    "table",
    {
        "auxiliary": "ssvae.experiments.reproductions.auxiliary:TABLE",
        "nvil": "ssvae.experiments.reproductions.nvil:TABLE",
    },
)
