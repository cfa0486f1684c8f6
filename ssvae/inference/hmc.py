"""HMC inference: the model learns from draws that transitions have moved towards the posterior, the encoder from q.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013).
Learning deep latent Gaussian models with Markov chain Monte Carlo (Hoffman, 2017), algorithm 1.
MCMC using Hamiltonian dynamics (Neal, 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ssvae.backend import random, seeds
from ssvae.backend.leapfrog import LogProb, position, transition
from ssvae.backend.surrogates import detached, gradient_only
from ssvae.distributions import Values, kinds
from ssvae.gradients.base import draw
from ssvae.inference.base import BoundArguments, Inference
from ssvae.inference.evidence import Evidence, elbo, kl_weight
from ssvae.settings.checks import whole


@dataclass(frozen=True)
class HMC(Inference):
    """∇_θ log p(x, z_T), z_T after T transitions from z_0 ~ q(z | x); the encoder learns from the ELBO at z_0.

    Chains move in ε of z = μ + σ ⊙ ε, μ and σ the encoder's, so that one step size suits all rows; several latents move
    together, μ and σ of each at the means of those before it. The value is the ELBO of q. Outside training this is
    amortised inference.

    Parameters
    ----------
    steps : int
        T; 0 is amortised inference.
    leapfrog : int
        Of a transition.
    step_size : float
        In units of the encoder's σ.
    kl_warm_up : float
        As of `amortized`.
    """

    steps: int = 3
    leapfrog: int = 5
    step_size: float = 0.25
    kl_warm_up: float = 0.5

    def __post_init__(self) -> None:
        """Check the numbers."""
        for argument, least in (("steps", 0), ("leapfrog", 1)):
            whole(f"{argument} of inference 'hmc'", getattr(self, argument), least, 10_000)
        if not 0.0 < self.step_size < float("inf") or not 0.0 <= self.kl_warm_up <= 1.0:
            raise ValueError(
                f"inference 'hmc' needs step_size > 0 and kl_warm_up in [0, 1], got {self.step_size!r} and "
                f"{self.kl_warm_up!r}"
            )

    def _bound(self, arguments: BoundArguments) -> tf.Tensor:
        """See `Inference.bound`; in training its gradient by q is pathwise whatever the gradient slot holds."""
        model, x, y, _, seed, training = arguments
        parameters = model.encode(x, y)
        if training is False or not self.steps:
            return elbo(arguments, parameters, self.kl_warm_up)  # of M1+M2 as a whole, too, whose parts learn apart
        if model.binary:
            raise ValueError(
                f"inference 'hmc' needs continuous latents, and those of {type(model).__name__} are binary: take "
                "another inference, such as 'amortized'"
            )
        q = model.posterior(parameters)
        evidence = Evidence(model.joint(y), q, x, kl_weight(self.kl_warm_up, training))
        start = draw(q, 1, seed)
        found = evidence.closed_form(start).total()
        moved = self._moved(evidence, detached(start), random.fold(seed, seeds.TRAJECTORY))
        # What the model would learn from z_0 is taken off, what it learns from z_T is put in its place.
        return found + _model_gradient(evidence, moved) - _model_gradient(evidence, detached(start))

    def _moved(self, evidence: Evidence, start: Values, seed: tf.Tensor) -> Values:
        """Return z_T of the latents z_0, which all move together."""
        distributions = kinds(evidence.q)
        mean = tf.stop_gradient(tf.concat([each.mean() for each in distributions], -1))
        scale = tf.stop_gradient(tf.concat([each.stddev() for each in distributions], -1))
        sizes = [value.shape[-1] for value in start.values()]

        def latents(epsilon: tf.Tensor) -> Values:
            return dict(zip(start, tf.split(mean + scale * epsilon, sizes, -1), strict=True))

        def log_prob(epsilon: tf.Tensor) -> tf.Tensor:
            return evidence(latents(epsilon)).log_joint()

        def body(step: tf.Tensor, epsilon: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return step + 1, self._transition(log_prob, epsilon, random.fold(seed, step))

        state = (tf.constant(0), (tf.concat(list(start.values()), -1) - mean) / scale)
        epsilon = tf.while_loop(
            lambda step, _: step < self.steps, body, state, parallel_iterations=1, maximum_iterations=self.steps
        )[1]
        return latents(tf.stop_gradient(epsilon))

    def _transition(self, log_prob: LogProb, epsilon: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return ε after one transition of Hamiltonian Monte Carlo (`ssvae.backend.leapfrog`)."""
        momentum = random.normal(tf.shape(epsilon), random.fold(seed, 0))
        log_uniform = tf.math.log(random.uniform(tf.shape(momentum[..., :1]), random.fold(seed, 1)))[..., 0]
        start = position(log_prob, epsilon)
        return transition(log_prob, start, momentum, log_uniform, self.step_size, self.leapfrog)[0].state


def _model_gradient(evidence: Evidence, z: Values) -> tf.Tensor:
    """Return a tensor of value 0 whose gradient is that of log p(x, z) by the model."""
    return gradient_only(evidence(z).log_joint())
