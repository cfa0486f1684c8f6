"""The contract of an inference method: a lower bound of log p(x | y).

``inference.bound(model, x, y, gradient, seed, training) -> [..., B]``, in nats; like a gradient's expectation it is
one tensor, read for its value and differentiated for its gradient. ``inference.infer(part, x, y, seed)`` are the λ that
it finds outside training, which latents, classes and pictures are read from.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.component import Component
from ssvae.distributions import Conditionals, Values, given, has_kl, reads
from ssvae.gradients.base import Gradient, Integrand, Terms, draw
from ssvae.models.base import Infer, Parameters

Training: TypeAlias = (
    bool | tf.Tensor
)  # outside training False; when training, the share of the steps that are done (or True)


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
            if self._parents_drawn_first(name) and has_kl(q, p):
                prior[name] = -self.temper * tfp.distributions.kl_divergence(q, p)
            else:
                prior[name] = self.temper * p.log_prob(values[name])
                posterior[name] = -self.temper * q.log_prob(values[name])
        return Terms(given(self.joint["x"], values).log_prob(self.x), prior, posterior)

    def parents(self, values: Values) -> Terms:
        """See `Integrand.parents`: what each conditional reads."""
        return Terms(
            reads(self.joint["x"], values),
            {name: reads(self.joint[name], values) | {name} for name in self.q},
            {name: reads(q, values) | {name} for name, q in self.q.items()},
        )

    def _parents_drawn_first(self, name: str) -> bool:
        earlier = list(self.q)[: list(self.q).index(name)]
        parents = list(self.joint)[: list(self.joint).index(name)]
        return isinstance(self.joint[name], tfp.distributions.Distribution) or set(parents) <= set(earlier)


def elbo(
    model: Any,
    parameters: Parameters,
    x: tf.Tensor,
    y: tf.Tensor | None,
    gradient: Gradient,
    seed: tf.Tensor,
    training: Training = False,
    kl_warm_up: float = 0.0,
) -> tf.Tensor:
    """Return E_q[log p(x, z | y) − log q(z)] at λ, [..., B], nats; when training, −KL weighs as `temper` says."""
    q = model.posterior(parameters)
    return gradient.bound(Evidence(model.joint(y), q, x, temper(kl_warm_up, training)), model, y, seed, training)


def temper(kl_warm_up: float, training: Training) -> tf.Tensor | float:
    """Return the weight of −KL: it rises from 0 to 1 over the share `kl_warm_up` of the training steps."""
    if kl_warm_up == 0.0 or isinstance(training, bool):
        return 1.0
    return tf.minimum(1.0, training / kl_warm_up)


def log_weights(
    model: Any, parameters: Parameters, x: tf.Tensor, y: tf.Tensor | None, samples: int, seed: tf.Tensor
) -> tf.Tensor:
    """Return log p(x, z_s | y) − log q(z_s), z_s ~ q at λ, [S, ..., B], nats; for S = 1 without the first axis."""
    q = model.posterior(parameters)
    return Evidence(model.joint(y), q, x)(draw(q, samples, seed)).total()


class Inference(Component):
    """A way to find q(z | x, y) and the bound that goes with it.

    Attributes
    ----------
    update : Mapping or None
        What the models' `update` argument must be: settings of the networks that iterative inference learns.
    """

    update: ClassVar[Mapping[str, Any] | None] = None

    def beginning(self) -> tuple[float, Inference]:
        """Return the share of the training that another method begins, and that method; by default none."""
        return 0.0, self

    def infer(self, part: Any, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor) -> Parameters:
        """Return λ of a part of a model outside training: here, the recognition network's output."""
        del seed
        return part.encode(x, y)

    def parameters(self, model: Any, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor) -> Parameters:
        """Return λ of a whole model outside training."""
        return model.recognise(x, y, self.at(seed))

    def at(self, seed: tf.Tensor) -> Infer:
        """Return `infer` with its seed, as the methods of models take it."""
        return lambda part, x, y: self.infer(part, x, y, seed)

    @abstractmethod
    def bound(
        self,
        model: Any,
        x: tf.Tensor,
        y: tf.Tensor | None,
        gradient: Gradient,
        seed: tf.Tensor,
        training: Training = False,
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
