"""The contract of a gradient estimator: one tensor, read for its value and differentiated for its gradient.

``estimator.expectation(f, q, seed, training) -> [..., B]`` estimates E_q[f(values)]. Reading the tensor gives the
value; differentiating it gives the estimator's gradient (a surrogate plus stop_gradient(value - surrogate) where the
two differ). `q` is a dict of distributions by variable name, in sampling order; an entry may be a function of the
values drawn so far. `f` maps a dict of values to `Terms`, whose parts stay apart by role and variable, so that closed
forms and layer-local signals need no other contract.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.distributions import BinaryVector, Conditionals, Values, given
from ssvae.gradients.requirements import REQUIREMENTS
from ssvae.registry import Component
from ssvae.relaxations import Rule

if TYPE_CHECKING:
    from ssvae.inference.evidence import Evidence
    from ssvae.models.capabilities import HasDensity


class Terms(NamedTuple):
    """log p(x, z) - log q(z), its terms apart; every tensor is [..., B], nats."""

    log_likelihood: tf.Tensor  # log p(x | z), or any integrand that is not a density of z
    log_prior: dict[str, tf.Tensor]  # log p(z_i | its parents) by variable
    negative_log_posterior: dict[str, tf.Tensor]  # -log q(z_i | its parents) by variable

    def log_joint(self) -> tf.Tensor:
        """Return log p(x, z)."""
        return self.log_likelihood + sum(self.log_prior.values())

    def total(self) -> tf.Tensor:
        """Return the sum of all terms."""
        return self.log_joint() + sum(self.negative_log_posterior.values())


class TermParents(NamedTuple):
    """The names of the variables that each of the `Terms` depends on."""

    log_likelihood: set[str]
    log_prior: dict[str, set[str]]
    negative_log_posterior: dict[str, set[str]]


class Integrand:
    """f: values -> `Terms`; subclasses that know closed forms override `closed_form`."""

    @abstractmethod
    def __call__(self, values: Values) -> Terms:
        """Return the terms at the values."""

    def closed_form(self, values: Values) -> Terms:
        """Return the terms with every expectation that has a closed form already taken."""
        return self(values)

    def parents(self, values: Values) -> TermParents | None:
        """Return the variables that each term depends on; None if not known."""
        del values
        return None


MOST_SAMPLES = 100_000  # a row and step


class Gradient(Component):
    """An estimator of an expectation and of its gradient.

    Attributes
    ----------
    requires : str
        What the variables of q must be, a key of `ssvae.gradients.requirements.REQUIREMENTS`; "" for nothing, as where
        q is only drawn and scored. An estimator says at its first use in `fit`, before any training, which variable is
        not (`check`).
    unbiased : bool
        Whether the gradient by the parameters of q is unbiased; value and gradient by all else are, of E_q[f] or of
        L_S. The contract tests hold every estimator to what it declares.
    multi_sample : bool
        Whether the value is L_S = E_q[log 1/S Σ_s exp f(values_s)] with S = `samples`, a tighter bound, and not E_q[f].
    samples : int
        Draws a row; 0 where there is no such setting.
    min_samples : int
        Least number of `samples`.
    """

    requires: str = ""
    unbiased: bool = True
    multi_sample: bool = False
    samples: int = 0
    min_samples: int = 0

    def __post_init__(self) -> None:
        """Check the number of samples."""
        if self.samples < self.min_samples:
            raise ValueError(f"{self.named()} needs samples >= {self.min_samples}, got {self.samples!r}")
        if self.samples > MOST_SAMPLES:
            raise ValueError(f"samples of {self.named()} must be at most {MOST_SAMPLES:,}, got {self.samples!r}")

    @property
    def baseline(self) -> Mapping[str, object] | None:
        """Settings of the baselines that the estimator learns, for the models' argument `baseline`; None: none."""
        return None

    def named(self) -> str:
        """Return the name that users give it."""
        from ssvae.gradients import GRADIENTS

        return f"gradient {GRADIENTS.name_of(self) or type(self).__name__!r}"

    def check(self, name: str, distribution: tfd.Distribution) -> None:
        """Raise ValueError where the distribution of a variable is not what the estimator `requires`."""
        requirement = REQUIREMENTS[self.requires]
        if not requirement.met_by(distribution):
            raise ValueError(
                f"{self.named()} needs {requirement.words}; {name!r} is {distribution.name}: use {requirement.instead}"
            )

    @abstractmethod
    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """Return an estimate of E_q[f], shape [..., B], nats."""

    def bound(
        self, f: Evidence, model: HasDensity, y: tf.Tensor | None, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """Return a lower bound of log p(x | y), [..., B], nats.

        By default E_q[f]. Estimators override it that learn baselines with the model, or q from its draws.
        """
        del model, y
        return self.expectation(f, f.q, seed, training)


def draw(
    q: Conditionals,
    samples: int,
    seed: tf.Tensor,
    rule: Rule | None = None,
    check: Callable[[str, tfd.Distribution], None] | None = None,
) -> Values:
    """Draw every variable of q in order: [S, ..., B, Z], without the leading axis when samples = 1.

    Parameters
    ----------
    rule : callable, optional
        For binary variables: how they are drawn (`ssvae.relaxations`).
    check : callable, optional
        Receives the name and the distribution of each variable before it is drawn (`Gradient.check`).

    Raises
    ------
    ValueError
        If there is a rule, and a variable is not binary.
    """
    values: Values = {}
    for position, (name, conditional) in enumerate(q.items()):
        distribution = given(conditional, values)
        if check is not None:
            check(name, distribution)
        # A conditional that depends on earlier draws has their sample axis already.
        shape = (samples,) if samples > 1 and distribution is conditional else ()
        key = random.fold(seed, position)
        if rule is None:
            values[name] = distribution.sample(shape, seed=key)
        elif isinstance(distribution, BinaryVector):
            values[name] = distribution.drawn(rule, shape, key)
        else:
            raise ValueError(
                f"straight-through, relaxed and mean draws need {REQUIREMENTS['binary'].words}; {name!r} is "
                f"{distribution.name}: use {REQUIREMENTS['binary'].instead}"
            )
    return values
