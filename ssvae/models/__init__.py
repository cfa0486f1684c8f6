"""Table of the models."""

from ssvae.registry import Registry

MODELS = Registry(
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
    method="stages",
)
