"""The evidence lower bound (ELBO) and the importance weights of log p(x | y), at given λ.

References
----------
Auto-Encoding Variational Bayes (Kingma and Welling, 2014), eqs. 2 and 3.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.distributions import Conditionals, Values, given, has_kl, reads
from ssvae.gradients.base import Integrand, TermParents, Terms, draw
from ssvae.inference.base import BoundArguments, Training
from ssvae.models.capabilities import HasDensity, Parameters


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

    def parents(self, values: Values) -> TermParents:
        """See `Integrand.parents`: what each conditional reads."""
        return TermParents(
            reads(self.joint["x"], values),
            {name: reads(self.joint[name], values) | {name} for name in self.q},
            {name: reads(q, values) | {name} for name, q in self.q.items()},
        )

    def _parents_drawn_first(self, name: str) -> bool:
        earlier = list(self.q)[: list(self.q).index(name)]
        parents = list(self.joint)[: list(self.joint).index(name)]
        return isinstance(self.joint[name], tfp.distributions.Distribution) or set(parents) <= set(earlier)


def elbo(arguments: BoundArguments, parameters: Parameters, kl_warm_up: float = 0.0) -> tf.Tensor:
    """Return E_q[log p(x, z | y) − log q(z)] at λ, [..., B], nats; when training, −KL has the weight `kl_weight`."""
    model, x, y, gradient, seed, training = arguments
    q = model.posterior(parameters)
    return gradient.bound(Evidence(model.joint(y), q, x, kl_weight(kl_warm_up, training)), model, y, seed, training)


def kl_weight(kl_warm_up: float, training: Training) -> tf.Tensor | float:
    """Return the weight of −KL: it rises from 0 to 1 over the share `kl_warm_up` of the training steps."""
    if kl_warm_up == 0.0 or isinstance(training, bool):
        return 1.0
    return tf.minimum(1.0, training / kl_warm_up)


def log_weights(
    model: HasDensity, parameters: Parameters, x: tf.Tensor, y: tf.Tensor | None, samples: int, seed: tf.Tensor
) -> tf.Tensor:
    """Return log p(x, z_s | y) − log q(z_s), z_s ~ q at λ, [S, ..., B], nats; for S = 1 without the first axis."""
    q = model.posterior(parameters)
    return Evidence(model.joint(y), q, x)(draw(q, samples, seed)).total()
