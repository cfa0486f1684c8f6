"""Virtual adversarial training: q(y | x) does not change in the direction in which it would change most.

References
----------
Virtual Adversarial Training: A Regularization Method for Supervised and Semi-Supervised Learning (Miyato, Maeda, Koyama
and Ishii, 2018), eqs. 5 to 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.replica_context import moments, part
from ssvae.regularizers.base import Regularizer, batch_positions, logits, rows
from ssvae.types import Batch

if TYPE_CHECKING:
    from ssvae.models.capabilities import HasClasses


@dataclass(frozen=True)
class VirtualAdversarial(Regularizer):
    """weight · mean KL(q(y | x) ‖ q(y | x + r)), r the worst of length radius · √D · s.

    s is the root mean square of the columns' standard deviations in the batch, so the radius has no unit: about the
    share of its spread by which every column may move without a change of class.

    Parameters
    ----------
    weight : float
    radius : float
    probe : float
        Length of the step of the power iteration that finds r, relative to the radius.
    """

    weight: float = 1.0
    radius: float = 0.2
    probe: float = 0.1

    def penalty(
        self,
        model: HasClasses,
        labelled: Batch | None,
        unlabelled: Batch | None,
        seed: tf.Tensor,
        done: tf.Tensor | bool,
    ) -> tf.Tensor:
        """See `Regularizer.penalty`."""
        del done
        x = rows(labelled, unlabelled)
        size = tf.cast(tf.shape(x)[-1], x.dtype)
        length = self.radius * tf.sqrt(size * tf.reduce_mean(moments(x, [0])[1]))
        target = tf.stop_gradient(tf.nn.log_softmax(logits(labelled, unlabelled)))
        place, whole = batch_positions(labelled, unlabelled)
        with random.rows_at(place, whole):
            start = _unit(random.normal(tf.shape(x), seed))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(start)
            divergence = tf.reduce_sum(_kl(target, model.classify(x + self.probe * length * start)))
        worst = _unit(tf.stop_gradient(tape.gradient(divergence, start)))
        return self.weight * part(_kl(target, model.classify(x + length * worst)), whole)


def _kl(log_p: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.exp(log_p) * (log_p - tf.nn.log_softmax(logits)), axis=-1)


def _unit(direction: tf.Tensor) -> tf.Tensor:
    """Return rows of length one; a zero row stays zero."""
    largest = tf.reduce_max(tf.abs(direction), axis=-1, keepdims=True)  # first, because squares of 1e-20 are lost
    scaled = tf.math.divide_no_nan(direction, largest)
    return tf.math.divide_no_nan(scaled, tf.norm(scaled, axis=-1, keepdims=True))
