"""The contract of an inference method: a lower bound of log p(x | y).

``inference.bound(model, x, y, gradient, seed, training) -> [..., B]``, in nats; like a gradient's expectation it is
one tensor, read for its value and differentiated for its gradient. Multi-sample bounds override `bound`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.distributions import Conditionals, Values, given
from ssvae.gradients.base import Gradient, Integrand, Terms
from ssvae.piece import Piece


class Evidence(Integrand):
    """log p(x, z | y) − log q(z | x, y), its terms apart.

    Parameters
    ----------
    joint : dict
        The model's p(z, x | y): conditionals by name, parents first, ``"x"`` last.
    q : dict
        The posterior, conditionals by name in sampling order.
    x : Tensor [B, D]
    temper : Tensor []
        Weight of log p(z) − log q(z), the two that make up −KL; 1 gives the bound.
    """

    def __init__(self, joint: Conditionals, q: Conditionals, x: tf.Tensor, temper: tf.Tensor | float = 1.0) -> None:
        self.joint, self.q, self.x, self.temper = joint, q, x, temper

    def __call__(self, values: Values) -> Terms:
        """See `Integrand.__call__`."""
        return Terms(
            given(self.joint["x"], values).log_prob(self.x),
            {name: self.temper * given(self.joint[name], values).log_prob(values[name]) for name in self.q},
            {name: -self.temper * given(q, values).log_prob(values[name]) for name, q in self.q.items()},
        )

    def closed_form(self, values: Values) -> Terms:
        """See `Integrand.closed_form`: -KL(q(z_i) || p(z_i | parents)) where q draws the parents before z_i."""
        prior, posterior = {}, {}
        for name, conditional in self.q.items():
            p, q = given(self.joint[name], values), given(conditional, values)
            if self._parents_drawn_first(name):
                prior[name] = -self.temper * tfp.distributions.kl_divergence(q, p)
            else:
                prior[name] = self.temper * p.log_prob(values[name])
                posterior[name] = -self.temper * q.log_prob(values[name])
        return Terms(given(self.joint["x"], values).log_prob(self.x), prior, posterior)

    def _parents_drawn_first(self, name: str) -> bool:
        earlier = list(self.q)[: list(self.q).index(name)]
        parents = list(self.joint)[: list(self.joint).index(name)]
        return isinstance(self.joint[name], tfp.distributions.Distribution) or set(parents) <= set(earlier)


class Inference(Piece):
    """A way to find q(z | x, y) and the bound that goes with it."""

    @abstractmethod
    def bound(
        self,
        model: Any,
        x: tf.Tensor,
        y: tf.Tensor | None,
        gradient: Gradient,
        seed: tf.Tensor,
        training: bool | tf.Tensor = False,
    ) -> tf.Tensor:
        """Return a lower bound of log p(x | y), nats.

        Parameters
        ----------
        model : Model
        x : Tensor [B, D]
        y : Tensor [..., B or 1, K] one-hot, or None for a model without classes
        gradient : Gradient
            How the expectation over z is estimated and differentiated.
        seed : Tensor [2] int32
        training : bool or Tensor []
            When training, the share of the steps that are done.

        Returns
        -------
        Tensor [..., B]
        """
