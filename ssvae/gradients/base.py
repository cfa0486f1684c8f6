"""The contract of a gradient: one tensor that is read for its value and differentiated for its gradient.

``gradient.expectation(f, q, seed, training) -> [..., B]`` estimates E_q[f(values)]. Reading the tensor gives the value;
differentiating it gives the estimator's gradient (a surrogate plus stop_gradient(value - surrogate) where the two
differ). `q` is a dict of distributions by variable name, in sampling order; an entry may be a function of the values
drawn so far. `f` maps a dict of values to `Terms`, whose parts stay apart by role and variable, so that closed forms
and layer-local signals need no other contract.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import tensorflow as tf

from ssvae import noise
from ssvae.distributions import Conditionals, Values, given
from ssvae.piece import Piece


class Terms(NamedTuple):
    """log p(x, z) - log q(z), its terms apart; every tensor is [..., B], nats."""

    log_likelihood: tf.Tensor  # log p(x | z), or any integrand that is not a density of z
    log_prior: dict[str, tf.Tensor]  # log p(z_i | its parents) by variable
    negative_log_posterior: dict[str, tf.Tensor]  # -log q(z_i | its parents) by variable

    def total(self) -> tf.Tensor:
        """Return the sum of all terms."""
        return self.log_likelihood + sum(self.log_prior.values()) + sum(self.negative_log_posterior.values())


class Integrand:
    """f: values -> `Terms`; subclasses that know closed forms override `closed_form`."""

    @abstractmethod
    def __call__(self, values: Values) -> Terms:
        """Return the terms at the values."""

    def closed_form(self, values: Values) -> Terms:
        """Return the terms with every expectation that has a closed form already taken."""
        return self(values)


class Gradient(Piece):
    """A rule for estimating and differentiating an expectation.

    Attributes
    ----------
    unbiased : bool
        Whether value and gradient are unbiased (contract tests compare both with enumeration or quadrature).
    needs : str
        What q must offer: "reparameterised", "enumerable", "categorical" (one variable), "gaussian" or "" for nothing.
    """

    unbiased = True
    needs = ""

    @abstractmethod
    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """Return an estimate of E_q[f], shape [..., B], nats."""


def draw(q: Conditionals, samples: int, seed: tf.Tensor) -> Values:
    """Draw every variable of q in order: [S, ..., B, Z], without the leading axis when samples = 1."""
    values: Values = {}
    for position, (name, conditional) in enumerate(q.items()):
        distribution = given(conditional, values)
        # A conditional that depends on earlier draws has their sample axis already.
        fresh = samples > 1 and distribution is conditional
        values[name] = distribution.sample((samples,) if fresh else (), seed=noise.fold(seed, position))
    return values
