"""The contract of a regularizer: a further term on q(y | x), added to what is minimised.

``regularizer.penalty(model, x, seed) -> scalar``, for the rows x [B, D] of both streams; it must be zero-mean noise or
a proper function of q(y | x), in nats, and carries its own weight.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import tensorflow as tf

from ssvae.piece import Piece


class Regularizer(Piece):
    """A term on q(y | x)."""

    @abstractmethod
    def penalty(self, model: Any, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return the weighted penalty, a scalar in nats, for rows x [B, D]."""
