"""Table of the inference methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import Registry, lazy_names

if TYPE_CHECKING:
    from ssvae.inference.base import Inference

INFERENCES: Registry[Inference] = Registry(
    "inference",
    {
        "amortized": "ssvae.inference.amortized:Amortized",
        "gradient_refined": "ssvae.inference.gradient_refined:GradientRefined",
        "hmc": "ssvae.inference.hmc:HMC",
        "importance_refined": "ssvae.inference.importance_refined:ImportanceRefined",
        "importance_weighted": "ssvae.inference.importance_weighted:ImportanceWeighted",
        "iterative": "ssvae.inference.iterative:Iterative",
        "mc_likelihood": "ssvae.inference.mc_likelihood:MCLikelihood",
    },
    base="ssvae.inference.base:Inference",
)

__getattr__, __dir__ = lazy_names(__name__, INFERENCES.classes())
