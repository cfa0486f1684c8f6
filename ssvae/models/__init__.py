"""Table of the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import Registry, lazy_names

if TYPE_CHECKING:
    from ssvae.models.base import Model

MODELS: Registry[Model] = Registry(
    "model",
    {
        "conditional_sbn": "ssvae.models.conditional_sbn:ConditionalSBN",
        "fdarn": "ssvae.models.fdarn:FDARN",
        "hierarchical": "ssvae.models.hierarchical:Hierarchical",
        "m1": "ssvae.models.m1:M1",
        "m2": "ssvae.models.m2:M2",
        "m1_m2": "ssvae.models.m1_m2:M1M2",
        "sbn": "ssvae.models.sbn:SBN",
        "supervised": "ssvae.models.supervised:Supervised",
    },
    base="ssvae.models.base:Model",
)

__getattr__, __dir__ = lazy_names(__name__, MODELS.classes())
