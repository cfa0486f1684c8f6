"""Table of the likelihoods p(x | h)."""

from ssvae.registry import Registry

LIKELIHOODS = Registry(
    "likelihood",
    {
        "bernoulli": "ssvae.likelihoods.bernoulli:Bernoulli",
        "gaussian": "ssvae.likelihoods.gaussian:Gaussian",
    },
)
