"""Markov chain kernels by name, built on tfp.mcmc."""

from ssvae.registry import Registry

SAMPLERS = Registry(
    "sampler",
    {
        "chees": "ssvae.samplers.chees:ChEES",
        "hmc": "ssvae.samplers.hmc:HMC",
        "nuts": "ssvae.samplers.nuts:NUTS",
    },
)
