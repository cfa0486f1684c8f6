"""Table of the likelihoods p(x | h)."""

from ssvae.registry import Registry

LIKELIHOODS = Registry(
    "likelihood",
    {
        "bernoulli": "ssvae.likelihoods.bernoulli:Bernoulli",
        "binomial": "ssvae.likelihoods.binomial:Binomial",
        "gaussian": "ssvae.likelihoods.gaussian:Gaussian",
    },
)
