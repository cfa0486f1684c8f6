"""Table of the likelihoods p(x | h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import Registry, lazy_names

if TYPE_CHECKING:
    from ssvae.likelihoods.base import Likelihood

LIKELIHOODS: Registry[Likelihood] = Registry(
    "likelihood",
    {
        "bernoulli": "ssvae.likelihoods.bernoulli:Bernoulli",
        "binomial": "ssvae.likelihoods.binomial:Binomial",
        "categorical": "ssvae.likelihoods.categorical:Categorical",
        "discretized_logistic": "ssvae.likelihoods.discretized_logistic:DiscretizedLogistic",
        "gaussian": "ssvae.likelihoods.gaussian:Gaussian",
        "mixed": "ssvae.likelihoods.mixed:Mixed",
        "multinomial": "ssvae.likelihoods.multinomial:Multinomial",
        "poisson": "ssvae.likelihoods.poisson:Poisson",
        "student_t": "ssvae.likelihoods.student_t:StudentT",
    },
    base="ssvae.likelihoods.base:Likelihood",
)

__getattr__, __dir__ = lazy_names(__name__, LIKELIHOODS.classes())
