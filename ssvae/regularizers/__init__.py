"""Table of the regularizers of q(y | x)."""

from ssvae.registry import Registry

REGULARIZERS = Registry(
    "regularizer",
    {
        "mutual_information": "ssvae.regularizers.mutual_information:MutualInformation",
        "neighbours": "ssvae.regularizers.neighbours:Neighbours",
        "propagated_labels": "ssvae.regularizers.propagated_labels:PropagatedLabels",
        "virtual_adversarial": "ssvae.regularizers.virtual_adversarial:VirtualAdversarial",
    },
    method="penalty",
)
