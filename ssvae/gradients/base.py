"""The contract of a gradient: one tensor that is read for its value and differentiated for its gradient.

``gradient.expectation(f, q, seed, training) -> [..., B]`` estimates E_q[f(values)]. Reading the tensor gives the value;
differentiating it gives the estimator's gradient (a surrogate plus stop_gradient(value - surrogate) where the two
differ). `q` is a dict of distributions by variable name, in sampling order; an entry may be a function of the values
drawn so far. `f` maps a dict of values to `Terms`, whose parts stay apart by role and variable, so that closed forms
and layer-local signals need no other contract.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import tensorflow as tf

from ssvae.backend import random
from ssvae.component import Component
from ssvae.distributions import Conditionals, Values, given
from ssvae.relaxations import Rule


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

    def parents(self, values: Values) -> Terms | None:
        """Return the names of the variables that each term depends on, as a `Terms` of sets; None if not known."""
        del values
        return None


class Gradient(Component):
    """A rule for estimating and differentiating an expectation.

    Attributes
    ----------
    unbiased : bool
        Whether the gradient by the numbers of q is unbiased; value and gradient by all else are, of E_q[f] or of L_S
        (contract tests compare them with enumeration or quadrature).
    many : bool
        Whether the value is L_S = E_q[log 1/S Σ_s exp f(values_s)] with S = `samples`, a tighter bound, and not E_q[f].
    least : int
        Least number of `samples`; 0 where there is no such setting.
    needs : str
        What q must offer: "reparameterised", "discrete", "enumerable", "categorical" (one variable), "binary",
        "gaussian" or "" for nothing.
    """

    unbiased = True
    many = False
    least = 0
    needs = ""

    def __post_init__(self) -> None:
        """Check the number of samples."""
        if self.least and getattr(self, "samples", 0) < self.least:
            raise ValueError(f"{self.named()} needs samples >= {self.least}, got {getattr(self, 'samples', None)!r}")

    def named(self) -> str:
        """Return the name that users give it."""
        from ssvae.gradients import GRADIENTS

        return f"gradient {GRADIENTS.name_of(self) or type(self).__name__!r}"

    @abstractmethod
    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """Return an estimate of E_q[f], shape [..., B], nats."""

    def bound(
        self, f: Any, model: Any, y: tf.Tensor | None, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """Return a lower bound of log p(x | y), [..., B], nats, for an integrand `inference.base.Evidence`.

        By default E_q[f]. Those override it that learn baselines with the model, or that teach its q otherwise.
        """
        del model, y
        return self.expectation(f, f.q, seed, training)


def draw(q: Conditionals, samples: int, seed: tf.Tensor, rule: Rule | None = None) -> Values:
    """Draw every variable of q in order: [S, ..., B, Z], without the leading axis when samples = 1.

    Parameters
    ----------
    rule : callable, optional
        For binary variables: how they are drawn (`ssvae.relaxations`).

    Raises
    ------
    ValueError
        If there is a rule, and a variable is not binary.
    """
    values: Values = {}
    for position, (name, conditional) in enumerate(q.items()):
        distribution = given(conditional, values)
        # A conditional that depends on earlier draws has their sample axis already.
        shape = (samples,) if samples > 1 and distribution is conditional else ()
        key = random.fold(seed, position)
        if rule is not None and not hasattr(distribution, "drawn"):
            raise ValueError(
                f"straight-through, relaxed and mean draws need binary latents; {name!r} is {distribution.name}: use "
                "'pathwise' for continuous ones, 'score_function' for others"
            )
        values[name] = distribution.sample(shape, seed=key) if rule is None else distribution.drawn(rule, shape, key)
    return values
