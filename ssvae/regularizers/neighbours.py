"""Near rows share their class.

References
----------
Semantic Clustering by Adopting Nearest Neighbors (Van Gansbeke et al., 2020), eq. 2, the consistency term, here on
neighbours in the space of x itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ssvae.backend.replica_context import part
from ssvae.regularizers.base import Regularizer
from ssvae.types import Batch


@dataclass(frozen=True)
class Neighbours(Regularizer):
    """−weight · mean log Σ_y q(y | x) q(y | x'), x' one of the nearest rows of x: the probability of one class.

    Parameters
    ----------
    weight : float
    peers : int
        How many nearest rows of each row x' is drawn from.
    """

    weight: float = 1.0
    peers: int = 5

    def penalty(
        self, model: Any, labelled: Batch | None, unlabelled: Batch | None, seed: tf.Tensor, done: tf.Tensor | bool
    ) -> tf.Tensor:
        """See `Regularizer.penalty`."""
        del model, labelled, seed, done
        if unlabelled is None:
            return tf.constant(0.0)
        here, there = (tf.nn.log_softmax(z) for z in (unlabelled.logits, unlabelled.peer_logits))
        return -self.weight * part(tf.reduce_logsumexp(here + there, axis=-1), unlabelled.rows)
