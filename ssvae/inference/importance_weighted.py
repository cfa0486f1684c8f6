"""Importance-weighted bound of log p(x | y).

References
----------
Importance Weighted Autoencoders (Burda, Grosse and Salakhutdinov, 2016), eq. 8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from ssvae.gradients.base import MOST_SAMPLES
from ssvae.inference.base import BoundArguments, Inference
from ssvae.inference.evidence import log_weights


@dataclass(frozen=True)
class ImportanceWeighted(Inference):
    """log 1/S Σ_s p(x, z_s | y) / q(z_s | x, y), z_s ~ q; at least the ELBO, and log p(x | y) as S grows.

    Its gradient is pathwise whatever the gradient slot holds, so q must be reparameterised.

    Parameters
    ----------
    samples : int
        S, at least 2; the cost of a step grows in proportion.
    """

    samples: int = 5

    def __post_init__(self) -> None:
        """Refuse one sample, which is the amortised bound, and more than any memory holds."""
        if self.samples > MOST_SAMPLES:
            raise ValueError(
                f"samples of inference 'importance_weighted' must be at most {MOST_SAMPLES:,}, got {self.samples!r}"
            )
        if self.samples < 2:
            raise ValueError(
                f"inference 'importance_weighted' needs samples >= 2, got {self.samples}: use 'amortized' for one"
            )

    def _bound(self, arguments: BoundArguments) -> tf.Tensor:
        """See `Inference.bound`."""
        model, x, y, _, seed, _ = arguments
        if model.binary:
            raise ValueError(
                "inference 'importance_weighted' needs continuous latents, and those of this model are binary: for "
                "the same bound use inference='amortized' with gradient='vimco'"
            )
        found = log_weights(model, model.encode(x, y), x, y, self.samples, seed)
        return tf.reduce_logsumexp(found, axis=0) - math.log(self.samples)
