"""Table of the inference methods."""

from ssvae.registry import Registry

INFERENCES = Registry(
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
    method="bound",
)
