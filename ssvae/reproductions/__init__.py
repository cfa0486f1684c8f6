"""Table of the tables of papers that one command reproduces, row by row."""

from ssvae.registry import Registry

REPRODUCTIONS = Registry(
    "table",
    {
        "auxiliary": "ssvae.reproductions.auxiliary:TABLE",
        "nvil": "ssvae.reproductions.nvil:TABLE",
    },
)
