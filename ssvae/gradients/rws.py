"""Reweighted wake-sleep: many samples, normalised importance weights, and no score-function gradient.

References
----------
Reweighted Wake-Sleep (Bornschein and Bengio, 2015), §2 and algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ssvae.backend import random
from ssvae.distributions import Conditionals, given
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.dream import asleep
from ssvae.gradients.score import detached, learning, score


@dataclass(frozen=True)
class RWS(Gradient):
    """Reweighted wake-sleep.

    Approximates ∇log p(x) for p and −∇KL(p(z | x) || q) for q; with Σ_s w̃_s ∇log p(x, z_s) and Σ_s w̃_s ∇log q(z_s),
    w̃ = w / Σ w and w = p(x, z) / q(z), and for q with ∇log q(z' | x') of a dream (x', z') ~ p; requires that q can be
    drawn and scored. Biased, less so with more samples; its value is log 1/S Σ_s w_s. Cost: one evaluation of f a
    sample, and a draw from the model asleep.

    Parameters
    ----------
    samples : int
        S.
    wake : float
        Share of the weighted samples in what q learns; the rest is the dream's. 1 does not dream.
    """

    samples: int = 10
    wake: float = 0.5
    least = 2
    unbiased = False
    many = True
    needs = "discrete"

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if not 0.0 <= self.wake <= 1.0:
            raise ValueError(f"{self.named()} needs wake in [0, 1], got {self.wake!r}")

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`; without dreams, which a model has."""
        del training
        return self._awake(f, q, seed, 1.0)

    def bound(
        self, f: Any, model: Any, y: tf.Tensor | None, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.bound`."""
        awake = self._awake(f, f.q, seed, self.wake)
        if training is False or self.wake == 1.0:
            return awake
        return awake + (1.0 - self.wake) * asleep(f, model, y, random.fold(seed, 1 << 18))

    def _awake(self, f: Integrand, q: Conditionals, seed: tf.Tensor, wake: float) -> tf.Tensor:
        values = detached(draw(q, self.samples, seed))
        terms = f(values)
        log_w = tf.stop_gradient(terms.total())
        weights = tf.nn.softmax(log_w, axis=0)
        log_q = sum(score(given(conditional, values), values[name]) for name, conditional in q.items())
        bound = tf.reduce_logsumexp(log_w, axis=0) - math.log(self.samples)
        return bound + tf.reduce_sum(weights * (learning(terms) + wake * log_q), axis=0)
