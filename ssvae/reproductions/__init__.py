"""Table of the tables of papers that one command reproduces, row by row."""

from ssvae.registry import Registry

REPRODUCTIONS = Registry(
    "table",
    {
        "nvil": "ssvae.reproductions.nvil:TABLE",
    },
)
