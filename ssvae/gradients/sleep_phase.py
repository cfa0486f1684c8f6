"""The sleep phase of wake-sleep: the recognition network learns from draws of the model.

References
----------
The wake-sleep algorithm for unsupervised neural networks (Hinton, Dayan, Frey and Neal, 1995).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from ssvae.backend import engine, random, seeds
from ssvae.backend.surrogates import detached, gradient_only
from ssvae.distributions import given

if TYPE_CHECKING:
    from ssvae.inference.evidence import Evidence
    from ssvae.models.capabilities import HasDensity


def sleep_phase(f: Evidence, model: HasDensity, y: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
    """Return a tensor [..., B] of value 0 whose gradient is ∇log q(z' | x') at a draw (x', z') ~ p( · | y) a row.

    Raises
    ------
    ValueError
        If XLA has to compile draws of x, and cannot.
    """
    if engine.current().xla and not model.likelihood.samples_with_xla:
        likelihood = type(model.likelihood).__name__
        raise ValueError(
            f"XLA cannot compile draws of likelihood {likelihood}: use engine='graph', or another gradient"
        )
    rows = tf.shape(f.x)[0]
    z = detached(model.prior_sample(y, rows, seed))
    x = tf.stop_gradient(given(f.joint["x"], z).sample(seed=random.fold(seed, seeds.SLEEP_ROWS)))
    q = model.posterior(model.encode(x, y))
    return sum(gradient_only(given(conditional, z).log_prob(z[name])) for name, conditional in q.items())
