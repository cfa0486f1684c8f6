"""What a recognition network learns from draws of the model itself: the sleep phase of wake-sleep.

References
----------
The wake-sleep algorithm for unsupervised neural networks (Hinton, Dayan, Frey and Neal, 1995).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ssvae.backend import random
from ssvae.distributions import given
from ssvae.gradients.score import detached, zero


def asleep(f: Any, model: Any, y: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
    """Return a tensor [..., B] of value 0 whose gradient is ∇log q(z' | x') of one dream a row (x', z') ~ p( · | y)."""
    rows = tf.shape(f.x)[0]
    dream = detached(model.prior_sample(y, rows, seed))
    x = tf.stop_gradient(given(f.joint["x"], dream).sample(seed=random.fold(seed, 1 << 10)))
    q = model.posterior(model.encode(x, y))
    return sum(zero(given(conditional, dream).log_prob(dream[name])) for name, conditional in q.items())
