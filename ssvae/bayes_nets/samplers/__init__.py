"""Markov chain kernels by name, built on tfp.mcmc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import Registry

if TYPE_CHECKING:
    from ssvae.bayes_nets.samplers.base import Sampler

SAMPLERS: Registry[Sampler] = Registry(
    "sampler",
    {
        "chees": "ssvae.bayes_nets.samplers.chees:ChEES",
        "hmc": "ssvae.bayes_nets.samplers.hmc:HMC",
        "nuts": "ssvae.bayes_nets.samplers.nuts:NUTS",
    },
    base="ssvae.bayes_nets.samplers.base:Sampler",
)
