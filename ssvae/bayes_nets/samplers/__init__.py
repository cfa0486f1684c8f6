"""Markov chain kernels by name, built on tfp.mcmc."""

from ssvae.registry import Registry

SAMPLERS = Registry(
    "sampler",
    {
        "chees": "ssvae.bayes_nets.samplers.chees:ChEES",
        "hmc": "ssvae.bayes_nets.samplers.hmc:HMC",
        "nuts": "ssvae.bayes_nets.samplers.nuts:NUTS",
    },
)
