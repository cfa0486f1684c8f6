"""Virtual adversarial training: q(y | x) does not change in the direction in which it would change most.

References
----------
Virtual Adversarial Training: A Regularization Method for Supervised and Semi-Supervised Learning (Miyato, Maeda, Koyama
and Ishii, 2018), eqs. 5 to 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.replica_context import moments, part, summed
from ssvae.regularizers.base import Regularizer, batch_positions, logits, rows
from ssvae.settings.checks import one_of
from ssvae.types import Batch

if TYPE_CHECKING:
    from ssvae.models.capabilities import HasClasses


@dataclass(frozen=True)
class VirtualAdversarial(Regularizer):
    """weight · mean KL(q(y | x) ‖ q(y | x + r)), r the worst of length radius · min(distance, √D · s).

    s is the root mean square of the columns' standard deviations in the batch, distance that of class means: the mean
    squared distance of labelled rows of two classes less that of rows of one class, which few rows do not bias. Where
    many columns say nothing of the class, √D · s is far more, and a change of that length leads into another class from
    anywhere.

    Parameters
    ----------
    weight : float
    radius : float
    probe : float
        Length of the step of the power iteration that finds r, relative to the radius.
    relative_to : {"classes", "columns"}
        "columns": the distance of classes does not count.

    Raises
    ------
    ValueError
        If `relative_to` is something else.
    """

    weight: float = 1.0
    radius: float = 0.2
    probe: float = 0.1
    relative_to: Literal["classes", "columns"] = "classes"

    def __post_init__(self) -> None:
        """Check the settings."""
        one_of("relative_to", self.relative_to, ("classes", "columns"))

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
        x, length = rows(labelled, unlabelled), self._length(labelled, unlabelled)
        target = tf.stop_gradient(tf.nn.log_softmax(logits(labelled, unlabelled)))
        place, whole = batch_positions(labelled, unlabelled)
        with random.rows_at(place, whole):
            start = _unit(random.normal(tf.shape(x), seed))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(start)
            divergence = tf.reduce_sum(_kl(target, model.classify(x + self.probe * length * start)))
        worst = _unit(tf.stop_gradient(tape.gradient(divergence, start)))
        return self.weight * part(_kl(target, model.classify(x + length * worst)), whole)

    def _length(self, labelled: Batch | None, unlabelled: Batch | None) -> tf.Tensor:
        x = rows(labelled, unlabelled)
        centre, variance = moments(x, [0])
        square = tf.cast(tf.shape(x)[-1], x.dtype) * tf.reduce_mean(variance)
        if labelled is not None and self.relative_to == "classes":
            square = tf.minimum(square, _distance_of_classes(labelled.x - centre, labelled.y))
        return self.radius * tf.sqrt(square)


def _distance_of_classes(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Return the mean squared distance of rows [B, D] of two classes (one-hot [B, K]) less that of rows of one class.

    At least 0; 0 where there are no such pairs.
    """
    count, norm, sums = summed(
        [tf.reduce_sum(y, 0), tf.linalg.matvec(y, tf.reduce_sum(x * x, -1), True), tf.matmul(y, x, True)]
    )
    every, within = tf.reduce_sum(count), tf.reduce_sum(count * norm - tf.reduce_sum(sums * sums, -1))
    between = every * tf.reduce_sum(norm) - tf.reduce_sum(tf.square(tf.reduce_sum(sums, 0))) - within
    pairs = every * every - tf.reduce_sum(count * count), tf.reduce_sum(count * (count - 1.0))
    far, near = (2.0 * tf.math.divide_no_nan(s, n) for s, n in zip((between, within), pairs, strict=True))
    return tf.maximum(0.0, far - near)


def _kl(log_p: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.exp(log_p) * (log_p - tf.nn.log_softmax(logits)), axis=-1)


def _unit(direction: tf.Tensor) -> tf.Tensor:
    """Return rows of length one; a zero row stays zero."""
    largest = tf.reduce_max(tf.abs(direction), axis=-1, keepdims=True)  # first, because squares of 1e-20 are lost
    scaled = tf.math.divide_no_nan(direction, largest)
    return tf.math.divide_no_nan(scaled, tf.norm(scaled, axis=-1, keepdims=True))
