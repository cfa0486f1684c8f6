"""What refinement maximises: the bound of every row as a function of λ, and its gradient."""

from __future__ import annotations

from contextlib import AbstractContextManager

import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.backend.surrogates import gradient_only
from ssvae.distributions import Values, given
from ssvae.gradients.base import draw
from ssvae.inference.evidence import Evidence
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.relaxations import Rule, soft, straight_through


class RefinementObjective:
    """λ -> ELBO [..., B], nats.

    Parameters
    ----------
    model : Model
        Or a part that has a bound of its own.
    x : Tensor [B, D]
    y : Tensor [..., B or 1, K] or None
    samples : int
        S, draws of z a row at each λ.
    temper : Tensor []
        Weight of −KL (`Evidence`).
    rule : callable
        How binary latents are drawn where gradients pass them (`ssvae.relaxations`).
    same_noise : bool
        Whether all rows share their noise, so that the λ found for a row depend neither on other rows nor on its
        position.
    """

    def __init__(
        self,
        model: HasDensity,
        x: tf.Tensor,
        y: tf.Tensor | None,
        samples: int,
        temper: tf.Tensor | float = 1.0,
        same_noise: bool = True,
        rule: Rule = straight_through,
    ) -> None:
        self.model, self.x, self.y, self.samples, self.temper = model, x, y, samples, temper
        self.same_noise, self.rule = same_noise, rule
        self.binary = model.binary

    def draws(self, parameters: Parameters, seed: tf.Tensor, rule: Rule | None = None) -> Values:
        """Return draws of z, [..., B, Z], with S first where S > 1; in antithetic pairs where S is even."""
        with random.paired(self.samples % 2 == 0, self.same_noise):
            return draw(self.model.posterior(parameters), self.samples, seed, rule)

    def bound(self, parameters: Parameters, seed: tf.Tensor) -> tf.Tensor:
        """Return the ELBO [..., B], −KL in closed form where it has one."""
        return self._bounds(parameters, parameters, seed)[0]

    def value_and_gradient(self, parameters: Parameters, seed: tf.Tensor) -> tuple[tf.Tensor, Parameters]:
        """Return the ELBO [..., B] and each row's own estimate of ∇_λ of it, shaped as λ.

        The gradient leaves out the score of q, whose mean is 0, so that its noise vanishes where q is the posterior:
        Sticking the Landing (Roeder, Wu and Duvenaud, 2017), eq. 8.
        """
        # Not stop_gradient: a second derivative, by what λ was made from, needs all of the gradient's dependence on λ.
        moving = {name: tf.identity(value) for name, value in parameters.items()}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(moving)
            bound, path = self._bounds(moving, parameters, seed, self.rule if self.binary else None)
        if self.binary and self.rule is soft:
            bound = self.bound(parameters, seed)  # at the means there is none
        return bound, tape.gradient(path, moving)

    def _bounds(
        self, moving: Parameters, fixed: Parameters, seed: tf.Tensor, rule: Rule | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the ELBO [..., B] and another estimate of it that depends on the moving λ through the draws alone."""
        with independent_rows():
            values, joint = self.draws(moving, seed, rule), self.model.joint(self.y)
            terms = Evidence(joint, self.model.posterior(moving), self.x, self.temper).closed_form(values)
            path = terms.log_likelihood
            for name, conditional in self.model.posterior(fixed).items():
                p, q = given(joint[name], values), given(conditional, values)
                path += self.temper * (p.log_prob(values[name]) - q.log_prob(values[name]))
        bounds = terms.total(), path
        return bounds if self.samples == 1 else tuple(tf.reduce_mean(bound, axis=0) for bound in bounds)


def independent_rows() -> AbstractContextManager[None]:
    """Return a context in which rows do not depend on each other: batch normalisation by its running statistics."""
    return engine.using(engine.current()._replace(training=False))


def surrogate(parameters: Parameters, gradient: Parameters) -> tf.Tensor:
    """Return a tensor [..., B] of value 0 whose gradient by what λ was made from is that of gradient · λ."""
    return sum(
        tf.reduce_sum(tf.stop_gradient(gradient[name]) * gradient_only(value), axis=-1)
        for name, value in parameters.items()
    )
