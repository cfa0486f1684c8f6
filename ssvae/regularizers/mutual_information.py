"""Mutual information between x and y under q: rows are assigned with confidence, and classes have balanced shares.

References
----------
Discriminative Clustering by Regularized Information Maximization (Krause, Perona and Gomes, 2010), eq. 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from ssvae.backend.replica_context import mean, part, shared
from ssvae.regularizers.base import Regularizer
from ssvae.types import Batch

if TYPE_CHECKING:
    from ssvae.models.capabilities import HasClasses


@dataclass(frozen=True)
class MutualInformation(Regularizer):
    """sure · mean H(q(y | x)) + balance · KL(mean q(y | x) ‖ p(y)), on the unlabelled rows.

    With equal weights and uniform p(y) this is −weight · I(x; y) plus a constant.

    Parameters
    ----------
    sure : float
        Weight of the entropy of each row.
    balance : float
        Weight of the distance of the batch's class shares from p(y).
    """

    sure: float = 0.0
    balance: float = 1.0
    weights = ("sure", "balance")

    def penalty(
        self,
        model: HasClasses,
        labelled: Batch | None,
        unlabelled: Batch | None,
        seed: tf.Tensor,
        done: tf.Tensor | bool,
    ) -> tf.Tensor:
        """See `Regularizer.penalty`."""
        del labelled, seed, done
        if unlabelled is None:
            return tf.constant(0.0)
        log_q = tf.nn.log_softmax(unlabelled.logits)
        share = mean(tf.exp(log_q), [0])
        entropy = -part(tf.reduce_sum(tf.exp(log_q) * log_q, axis=-1), unlabelled.total_rows)
        prior = tf.stop_gradient(model.log_class_prior())
        distance = tf.reduce_sum(share * (tf.math.log(share + 1e-8) - prior))
        return self.sure * entropy + self.balance * shared(distance)
