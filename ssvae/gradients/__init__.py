"""Table of the gradients of expectations."""

from ssvae.registry import Registry

GRADIENTS = Registry(
    "gradient",
    {
        "pathwise": "ssvae.gradients.pathwise:Pathwise",
        "score_function": "ssvae.gradients.score_function:ScoreFunction",
        "enumeration": "ssvae.gradients.enumeration:Enumeration",
        "quadrature": "ssvae.gradients.quadrature:Quadrature",
    },
)
