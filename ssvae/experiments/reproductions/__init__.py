"""Table of the tables of papers that one command reproduces, row by row."""

from ssvae.registry import Registry

REPRODUCTIONS = Registry(
    "table",
    {
        "auxiliary": "ssvae.experiments.reproductions.auxiliary:TABLE",
        "nvil": "ssvae.experiments.reproductions.nvil:TABLE",
    },
)
