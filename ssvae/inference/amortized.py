"""Amortised inference: the recognition network's output is the posterior.

References
----------
Auto-Encoding Variational Bayes (Kingma and Welling, 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ssvae.inference.base import BoundArguments, Inference
from ssvae.inference.evidence import elbo


@dataclass(frozen=True)
class Amortized(Inference):
    """ELBO at λ = encode(x, y): E_q[log p(x, z | y) − log q(z | x, y)].

    Parameters
    ----------
    kl_warm_up : float
        Share of the training steps over which the weight of the KL term rises from 0 to 1, so that latents come to be
        used before they are taxed (Ladder Variational Autoencoders, Sønderby et al. 2016, §2.3); 0 for the plain bound
        from the first step on. Outside training the weight is always 1.
    """

    kl_warm_up: float = 0.5

    def _bound(self, arguments: BoundArguments) -> tf.Tensor:
        """See `Inference.bound`."""
        return elbo(arguments, arguments.model.encode(arguments.x, arguments.y), self.kl_warm_up)
