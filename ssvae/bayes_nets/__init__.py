"""Deep and recurrent Bayes nets with continuous latents: described once, sampled in either form."""

from ssvae.bayes_nets.base import Latent, Node, Observed
from ssvae.bayes_nets.dot import dot
from ssvae.bayes_nets.inverse_cdf import InverseCDF
from ssvae.bayes_nets.location_scale import Gaussian, LocationScale
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.recurrent import Recurrent

__all__ = ["BayesNet", "Gaussian", "InverseCDF", "Latent", "LocationScale", "Node", "Observed", "Recurrent", "dot"]
