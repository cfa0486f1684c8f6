"""Table of the gradients of expectations."""

from ssvae.registry import Registry

GRADIENTS = Registry(
    "gradient",
    {
        "pathwise": "ssvae.gradients.pathwise:Pathwise",
        "score_function": "ssvae.gradients.score_function:ScoreFunction",
        "sample": "ssvae.gradients.score_function:ScoreFunction",  # the same, of classes
        "enumeration": "ssvae.gradients.enumeration:Enumeration",
        "topm": "ssvae.gradients.topm:TopM",
        "auto": "ssvae.gradients.auto:Auto",
        "quadrature": "ssvae.gradients.quadrature:Quadrature",
    },
)
