"""Propagated labels as targets early in training, so that q(y | x) leaves the plateau that the bound keeps it on."""

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
class PropagatedLabels(Regularizer):
    """weight · max(0, 1 − t / until) · mean −Σ_y s(y) log q(y | x), s the propagated labels, t the share of steps done.

    The graph's errors are systematic, so the term fades out (`ssvae.regularizers.label_propagation`).

    Parameters
    ----------
    weight : float
    until : float
        Share of the training steps after which the term is gone.
    neighbours : int
        Nearest rows that the graph joins each row with.
    """

    weight: float = 1.0
    until: float = 0.25
    neighbours: int = 5
    renamed: ClassVar[Mapping[str, str]] = {"peers": "neighbours"}
    needs_propagated_labels = True

    def penalty(
        self,
        model: HasClasses,
        labelled: Batch | None,
        unlabelled: Batch | None,
        seed: tf.Tensor,
        done: tf.Tensor | bool,
    ) -> tf.Tensor:
        """See `Regularizer.penalty`."""
        del model, labelled, seed
        if unlabelled is None:
            return tf.constant(0.0)
        left = tf.maximum(0.0, 1.0 - tf.cast(done, tf.float32) / self.until)
        log_q = tf.nn.log_softmax(unlabelled.logits)
        return -self.weight * left * part(tf.reduce_sum(unlabelled.propagated * log_q, axis=-1), unlabelled.total_rows)
