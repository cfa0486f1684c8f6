"""Table of the regularizers of q(y | x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import Registry, lazy_names

if TYPE_CHECKING:
    from ssvae.regularizers.base import Regularizer

REGULARIZERS: Registry[Regularizer] = Registry(
    "regularizer",
    {
        "mutual_information": "ssvae.regularizers.mutual_information:MutualInformation",
        "neighbours": "ssvae.regularizers.neighbours:Neighbours",
        "propagated_labels": "ssvae.regularizers.propagated_labels:PropagatedLabels",
        "virtual_adversarial": "ssvae.regularizers.virtual_adversarial:VirtualAdversarial",
    },
    base="ssvae.regularizers.base:Regularizer",
)

__getattr__, __dir__ = lazy_names(__name__, REGULARIZERS.classes())
