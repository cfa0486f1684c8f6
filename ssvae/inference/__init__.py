"""Table of the inference methods."""

from ssvae.registry import Registry

INFERENCES = Registry(
    "inference",
    {
        "amortized": "ssvae.inference.amortized:Amortized",
        "importance_weighted": "ssvae.inference.importance_weighted:ImportanceWeighted",
    },
)
