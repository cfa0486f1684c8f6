"""Ways to draw a binary number from its logit and a uniform number: exact, or relaxed so that gradients pass.

References
----------
Estimating or Propagating Gradients Through Stochastic Neurons (Bengio, Léonard and Courville, 2013): straight-through.
Iterative Refinement of Approximate Posterior for Training Directed Belief Networks (Hjelm et al., 2015): centres.
The Concrete Distribution (Maddison, Mnih and Teh, 2017), §2.3 and App. B; Categorical Reparameterization with
Gumbel-Softmax (Jang, Gu and Poole, 2017): relaxed numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

Rule: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # logits, uniform numbers -> values of the same shape


def hard(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Return 1 with probability σ(logit), and 0: no gradient passes."""
    return tf.cast(uniform < tf.sigmoid(logits), tf.float32)


def soft(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Return the mean σ(logit) in place of a draw."""
    del uniform
    return tf.sigmoid(logits)


def straight_through(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Return a draw that is differentiated as if it were the mean."""
    mean = tf.sigmoid(logits)
    return mean + tf.stop_gradient(hard(logits, uniform) - mean)


def relaxed(temperature: float) -> Rule:
    """Return the rule σ((logit − logit(u)) / temperature): between 0 and 1, and `hard` as the temperature goes to 0."""

    def rule(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid((logits - tf.math.log(uniform) + tf.math.log1p(-uniform)) / temperature)

    return rule
