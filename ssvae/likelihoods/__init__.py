"""Table of the likelihoods p(x | h)."""

from ssvae.registry import Registry

LIKELIHOODS = Registry(
    "likelihood",
    {
        "bernoulli": "ssvae.likelihoods.bernoulli:Bernoulli",
        "binomial": "ssvae.likelihoods.binomial:Binomial",
        "discretized_logistic": "ssvae.likelihoods.discretized_logistic:DiscretizedLogistic",
        "gaussian": "ssvae.likelihoods.gaussian:Gaussian",
        "multinomial": "ssvae.likelihoods.multinomial:Multinomial",
    },
    method="outputs",
)
