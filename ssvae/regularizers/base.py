"""The contract of a regularizer: a further term on q(y | x), added to what is minimised.

``regularizer.penalty(model, labelled, unlabelled, seed) -> scalar`` in nats, for one minibatch of each stream (None
where a stream has no rows); it carries its own weight. A regularizer with ``peers = k`` finds in ``unlabelled.peer``
one of the k nearest rows of each row, drawn anew at every step.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import tensorflow as tf

from ssvae.piece import Piece
from ssvae.types import Batch


class Regularizer(Piece):
    """A term on q(y | x).

    Attributes
    ----------
    peers : int
        How many nearest rows of each unlabelled row it wants to know.
    """

    peers = 0

    @abstractmethod
    def penalty(self, model: Any, labelled: Batch | None, unlabelled: Batch | None, seed: tf.Tensor) -> tf.Tensor:
        """Return the weighted penalty, a scalar in nats."""


def rows(labelled: Batch | None, unlabelled: Batch | None) -> tf.Tensor:
    """Return the rows of both streams, [B_l + B_u, D]."""
    return tf.concat([batch.x for batch in (labelled, unlabelled) if batch is not None], axis=0)
