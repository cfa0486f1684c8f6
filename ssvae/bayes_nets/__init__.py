"""Deep and recurrent Bayes nets with continuous latents: described once, sampled in either form."""

from typing import TYPE_CHECKING

from ssvae.bayes_nets.annealed_importance import annealed_importance
from ssvae.bayes_nets.base import Latent, Node, Observed
from ssvae.bayes_nets.dot import dot
from ssvae.bayes_nets.inverse_cdf import InverseCDF
from ssvae.bayes_nets.location_scale import Gaussian, LocationScale
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.of_model import of_model
from ssvae.bayes_nets.recurrent import Recurrent
from ssvae.registry import lazy_names

if TYPE_CHECKING:
    from ssvae.bayes_nets.draws import Draws
    from ssvae.bayes_nets.grid_quadrature import log_marginal
    from ssvae.bayes_nets.mcem import MonteCarloEM
    from ssvae.bayes_nets.reciprocal_estimator import reciprocal
    from ssvae.bayes_nets.sampling import sample

__all__ = [
    "BayesNet",
    "Draws",
    "Gaussian",
    "InverseCDF",
    "Latent",
    "LocationScale",
    "MonteCarloEM",
    "Node",
    "Observed",
    "Recurrent",
    "annealed_importance",
    "dot",
    "log_marginal",
    "of_model",
    "reciprocal",
    "sample",
]

# Functions that share their module's name are imported above, so that the name is always the function. What else is
# built on the nets is imported on first use, because these modules import this package.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Draws": "ssvae.bayes_nets.draws:Draws",
        "MonteCarloEM": "ssvae.bayes_nets.mcem:MonteCarloEM",
        "log_marginal": "ssvae.bayes_nets.grid_quadrature:log_marginal",
        "reciprocal": "ssvae.bayes_nets.reciprocal_estimator:reciprocal",
        "sample": "ssvae.bayes_nets.sampling:sample",
    },
)
