"""What is done to x before a model sees it, by name."""

from __future__ import annotations

from ssvae.registry import Registry

PREPROCESSING = Registry(
    "preprocessing",
    {
        "identity": "ssvae.preprocessing.identity:Identity",
        "pca": "ssvae.preprocessing.pca:PCA",
        "standardize": "ssvae.preprocessing.standardize:Standardize",
    },
    method="transform",
)
