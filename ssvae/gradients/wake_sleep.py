"""Wake-sleep: p learns from what q infers of data, q from draws of p.

References
----------
The wake-sleep algorithm for unsupervised neural networks (Hinton, Dayan, Frey and Neal, 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from ssvae.backend import random, seeds
from ssvae.backend.surrogates import detached
from ssvae.distributions import Conditionals
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import model_gradient
from ssvae.gradients.sleep_phase import sleep_phase

if TYPE_CHECKING:
    from ssvae.inference.evidence import Evidence
    from ssvae.models.capabilities import HasDensity


@dataclass(frozen=True)
class WakeSleep(Gradient):
    """Wake-sleep.

    Approximates ∇E_q[f] for p, and for q −∇KL(p(z | x) || q) over draws of p in place of data; with ∇log p(x, z),
    z ~ q, and ∇log q(z' | x'), (x', z') ~ p; requires a model that can be drawn from. Unbiased for p, not for q. Cost:
    one evaluation of f a sample, a draw from the model and its recognition.

    Parameters
    ----------
    samples : int
        Draws of z a row.
    """

    samples: int = 1
    min_samples = 1
    unbiased = False

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`; the wake phase alone, of which q learns nothing."""
        del training
        terms = f(detached(draw(q, self.samples, seed)))
        found = tf.stop_gradient(terms.total()) + model_gradient(terms)
        return found if self.samples == 1 else tf.reduce_mean(found, axis=0)

    def bound(
        self, f: Evidence, model: HasDensity, y: tf.Tensor | None, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.bound`."""
        wake_phase = self.expectation(f, f.q, seed)
        return (
            wake_phase if training is False else wake_phase + sleep_phase(f, model, y, random.fold(seed, seeds.SLEEP))
        )
