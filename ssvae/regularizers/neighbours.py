"""Consistency of neighbours: nearest rows should have the same class.

References
----------
Semantic Clustering by Adopting Nearest Neighbors (Van Gansbeke et al., 2020), eq. 2, the consistency term, here on
neighbours in the space of x itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf

from ssvae.backend.replica_context import part
from ssvae.registry import accept_former_names
from ssvae.regularizers.base import Regularizer
from ssvae.types import Batch

if TYPE_CHECKING:
    from ssvae.models.capabilities import HasClasses


@accept_former_names
@dataclass(frozen=True)
class Neighbours(Regularizer):
    """−weight · mean log Σ_y q(y | x) q(y | x'), x' one of the nearest rows of x: the probability of one class.

    Parameters
    ----------
    weight : float
    neighbours : int
        How many nearest rows of each row x' is drawn from.
    """

    weight: float = 1.0
    neighbours: int = 5
    renamed: ClassVar[Mapping[str, str]] = {"peers": "neighbours"}

    def penalty(
        self,
        model: HasClasses,
        labelled: Batch | None,
        unlabelled: Batch | None,
        seed: tf.Tensor,
        done: tf.Tensor | bool,
    ) -> tf.Tensor:
        """See `Regularizer.penalty`."""
        del model, labelled, seed, done
        if unlabelled is None:
            return tf.constant(0.0)
        here, there = (tf.nn.log_softmax(z) for z in (unlabelled.logits, unlabelled.neighbour_logits))
        return -self.weight * part(tf.reduce_logsumexp(here + there, axis=-1), unlabelled.total_rows)
