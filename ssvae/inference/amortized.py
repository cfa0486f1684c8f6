"""Amortised inference: the recognition network's output is the posterior.

References
----------
Auto-Encoding Variational Bayes (Kingma and Welling, 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ssvae.gradients.base import Gradient
from ssvae.inference.base import Inference, Training, elbo


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

    def bound(
        self,
        model: Any,
        x: tf.Tensor,
        y: tf.Tensor | None,
        gradient: Gradient,
        seed: tf.Tensor,
        training: Training = False,
    ) -> tf.Tensor:
        """See `Inference.bound`."""
        return elbo(model, model.encode(x, y), x, y, gradient, seed, training, self.kl_warm_up)
