"""The contract of a regularizer: a further term on q(y | x), added to what is minimised.

``regularizer.penalty(model, labelled, unlabelled, seed, done) -> scalar`` in nats, for one minibatch of each stream
(None where a stream has no rows); it carries its own weight. A regularizer with ``neighbours = k`` finds in
``unlabelled.neighbour`` one of the k nearest rows of each row, drawn again at every step; one with
``needs_propagated_labels`` finds in ``unlabelled.propagated`` labels that were spread over the graph of those nearest
rows. The ``logits`` of all rows are there.
Where replicas share the batches, it returns its replica's part of the penalty (`ssvae.backend.replica_context`).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf

from ssvae.registry import Component
from ssvae.types import Batch

if TYPE_CHECKING:
    from ssvae.models.capabilities import HasClasses


class Regularizer(Component):
    """A term on q(y | x).

    Attributes
    ----------
    neighbours : int
        How many nearest rows of each row it wants to know.
    needs_propagated_labels : bool
        Whether it wants propagated labels.
    weights : tuple of str
        Names of the settings that its terms are multiplied by: with 0.0 for each of them the penalty is 0.
    """

    neighbours = 0
    needs_propagated_labels = False
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    @abstractmethod
    def penalty(
        self,
        model: HasClasses,
        labelled: Batch | None,
        unlabelled: Batch | None,
        seed: tf.Tensor,
        done: tf.Tensor | bool,
    ) -> tf.Tensor:
        """Return the weighted penalty, a scalar in nats; `done` is the share of the training steps that are done."""


def logits(labelled: Batch | None, unlabelled: Batch | None) -> tf.Tensor:
    """Return the logits of q(y | x) of both streams, [B_l + B_u, K]."""
    return tf.concat([batch.logits for batch in (labelled, unlabelled) if batch is not None], axis=0)


def rows(labelled: Batch | None, unlabelled: Batch | None) -> tf.Tensor:
    """Return the rows of both streams, [B_l + B_u, D]."""
    return tf.concat([batch.x for batch in (labelled, unlabelled) if batch is not None], axis=0)


def batch_positions(labelled: Batch | None, unlabelled: Batch | None) -> tuple[tf.Tensor | None, tf.Tensor | None]:
    """Return positions [B_l + B_u] in, and rows [] of, both streams whole batches together; None if all is here."""
    here = [batch for batch in (labelled, unlabelled) if batch is not None]
    if here[0].total_rows is None:
        return None, None
    before = [tf.zeros_like(here[0].total_rows), here[0].total_rows]
    positions = [batch.position + first for batch, first in zip(here, before, strict=False)]
    return tf.concat(positions, 0), tf.add_n([batch.total_rows for batch in here])
