"""The contract of a regularizer: a further term on q(y | x), added to what is minimised.

``regularizer.penalty(model, labelled, unlabelled, seed, done) -> scalar`` in nats, for one minibatch of each stream
(None where a stream has no rows); it carries its own weight. A regularizer with ``peers = k`` finds in
``unlabelled.peer`` one of the k nearest rows of each row, drawn anew at every step; one with ``needs_hints`` finds in
``unlabelled.hint`` labels that were spread over the graph of those nearest rows. The ``logits`` of all rows are there.
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
        How many nearest rows of each row it wants to know.
    needs_hints : bool
        Whether it wants propagated labels.
    """

    peers = 0
    needs_hints = False

    @abstractmethod
    def penalty(
        self, model: Any, labelled: Batch | None, unlabelled: Batch | None, seed: tf.Tensor, done: tf.Tensor | bool
    ) -> tf.Tensor:
        """Return the weighted penalty, a scalar in nats; `done` is the share of the training steps that are done."""


def logits(labelled: Batch | None, unlabelled: Batch | None) -> tf.Tensor:
    """Return the logits of q(y | x) of both streams, [B_l + B_u, K]."""
    return tf.concat([batch.logits for batch in (labelled, unlabelled) if batch is not None], axis=0)


def rows(labelled: Batch | None, unlabelled: Batch | None) -> tf.Tensor:
    """Return the rows of both streams, [B_l + B_u, D]."""
    return tf.concat([batch.x for batch in (labelled, unlabelled) if batch is not None], axis=0)
