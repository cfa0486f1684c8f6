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
from ssvae.inference.base import Evidence, Inference


@dataclass(frozen=True)
class Amortized(Inference):
    """ELBO at λ = encode(x, y): E_q[log p(x, z | y) − log q(z | x, y)]."""

    def bound(
        self, model: Any, x: tf.Tensor, y: tf.Tensor | None, gradient: Gradient, seed: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """See `Inference.bound`."""
        q = model.posterior(model.encode(x, y))
        return gradient.expectation(Evidence(model.joint(y), q, x), q, seed, training)
