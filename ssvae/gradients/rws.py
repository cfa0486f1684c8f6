"""Reweighted wake-sleep: many samples, normalised importance weights, and no score-function gradient.

References
----------
Reweighted Wake-Sleep (Bornschein and Bengio, 2015), §2 and algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from ssvae.backend import random, seeds
from ssvae.backend.surrogates import detached
from ssvae.distributions import Conditionals, given
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import model_gradient, score
from ssvae.gradients.sleep_phase import sleep_phase

if TYPE_CHECKING:
    from ssvae.inference.evidence import Evidence
    from ssvae.models.capabilities import HasDensity


@dataclass(frozen=True)
class RWS(Gradient):
    """Reweighted wake-sleep.

    Approximates ∇log p(x) for p and −∇KL(p(z | x) || q) for q; with Σ_s w̃_s ∇log p(x, z_s) and Σ_s w̃_s ∇log q(z_s),
    w̃ = w / Σ w and w = p(x, z) / q(z), and for q with ∇log q(z' | x') of a sleep-phase sample (x', z') ~ p; requires
    that q can be drawn and scored. Biased, less so with more samples; its value is log 1/S Σ_s w_s. Cost: one
    evaluation of f a sample, and a draw from the model.

    Parameters
    ----------
    samples : int
        S.
    wake : float
        Share of the weighted samples in what q learns; the rest is the sleep phase's. 1 leaves it out.
    """

    samples: int = 10
    wake: float = 0.5
    min_samples = 2
    unbiased = False
    multi_sample = True

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if not 0.0 <= self.wake <= 1.0:
            raise ValueError(f"{self.named()} needs wake in [0, 1], got {self.wake!r}")

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`; without the sleep phase, which needs a model."""
        del training
        return self._wake_phase(f, q, seed, 1.0)

    def bound(
        self, f: Evidence, model: HasDensity, y: tf.Tensor | None, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.bound`."""
        wake_phase = self._wake_phase(f, f.q, seed, self.wake)
        if training is False or self.wake == 1.0:
            return wake_phase
        return wake_phase + (1.0 - self.wake) * sleep_phase(f, model, y, random.fold(seed, seeds.SLEEP))

    def _wake_phase(self, f: Integrand, q: Conditionals, seed: tf.Tensor, wake: float) -> tf.Tensor:
        values = detached(draw(q, self.samples, seed))
        terms = f(values)
        log_w = tf.stop_gradient(terms.total())
        weights = tf.nn.softmax(log_w, axis=0)
        log_q = sum(score(given(conditional, values), values[name]) for name, conditional in q.items())
        bound = tf.reduce_logsumexp(log_w, axis=0) - math.log(self.samples)
        return bound + tf.reduce_sum(weights * (model_gradient(terms) + wake * log_q), axis=0)
