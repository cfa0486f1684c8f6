"""Table of the preprocessings of x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import Registry, lazy_names

if TYPE_CHECKING:
    from ssvae.preprocessing.base import Preprocessing

PREPROCESSING: Registry[Preprocessing] = Registry(
    "preprocessing",
    {
        "columns": "ssvae.preprocessing.columns:Columns",
        "identity": "ssvae.preprocessing.identity:Identity",
        "pca": "ssvae.preprocessing.pca:PCA",
        "standardize": "ssvae.preprocessing.standardize:Standardize",
    },
    base="ssvae.preprocessing.base:Preprocessing",
)

__getattr__, __dir__ = lazy_names(__name__, PREPROCESSING.classes())
