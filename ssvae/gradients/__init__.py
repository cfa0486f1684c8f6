"""Table of the gradient estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import Registry, lazy_names

if TYPE_CHECKING:
    from ssvae.gradients.base import Gradient

GRADIENTS: Registry[Gradient] = Registry(
    "gradient",
    {
        "pathwise": "ssvae.gradients.pathwise:Pathwise",
        "score_function": "ssvae.gradients.score_function:ScoreFunction",
        "sample": "ssvae.gradients.score_function:ScoreFunction",  # the same, of classes
        "enumeration": "ssvae.gradients.enumeration:Enumeration",
        "topm": "ssvae.gradients.topm:TopM",
        "auto": "ssvae.gradients.auto:Auto",
        "nvil": "ssvae.gradients.nvil:NVIL",
        "vimco": "ssvae.gradients.vimco:VIMCO",
        "rws": "ssvae.gradients.rws:RWS",
        "wake_sleep": "ssvae.gradients.wake_sleep:WakeSleep",
        "straight_through": "ssvae.gradients.straight_through:StraightThrough",
        "mean_propagation": "ssvae.gradients.mean_propagation:MeanPropagation",
        "gumbel_softmax": "ssvae.gradients.gumbel_softmax:GumbelSoftmax",
        "double_control": "ssvae.gradients.double_control:DoubleControl",
        "local_expectation": "ssvae.gradients.local_expectation:LocalExpectation",
        "quadrature": "ssvae.gradients.quadrature:Quadrature",
    },
    base="ssvae.gradients.base:Gradient",
)

__getattr__, __dir__ = lazy_names(__name__, GRADIENTS.classes())
