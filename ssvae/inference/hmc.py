"""HMC inference: the model learns from draws that transitions have moved towards the posterior, the encoder from q.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013).
Learning deep latent Gaussian models with Markov chain Monte Carlo (Hoffman, 2017), algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae import noise
from ssvae.gradients.base import Gradient, Terms, draw
from ssvae.inference.base import Evidence, Inference, Training, temper


@dataclass(frozen=True)
class HMC(Inference):
    """∇_θ log p(x, z_T), z_T after T transitions from z_0 ~ q(z | x); the encoder learns from the ELBO at z_0.

    Chains move in ε of z = μ + σ ⊙ ε, μ and σ the encoder's, so that one step size suits all rows. The value is the
    ELBO of q. Outside training this is amortised inference.

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
            value = getattr(self, argument)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise ValueError(f"{argument} of inference 'hmc' must be an integer >= {least}, got {value!r}")
        if not 0.0 < self.step_size < float("inf") or not 0.0 <= self.kl_warm_up <= 1.0:
            raise ValueError(
                f"inference 'hmc' needs step_size > 0 and kl_warm_up in [0, 1], got {self.step_size!r} and "
                f"{self.kl_warm_up!r}"
            )

    def bound(
        self,
        model: Any,
        x: tf.Tensor,
        y: tf.Tensor | None,
        gradient: Gradient,
        seed: tf.Tensor,
        training: Training = False,
    ) -> tf.Tensor:
        """See `Inference.bound`; its gradient by q is pathwise whatever the gradient slot holds."""
        del gradient
        q = model.posterior(model.encode(x, y))
        if list(q) != ["z"] or getattr(model, "binary", False):
            raise ValueError(
                f"inference 'hmc' needs one continuous latent, and {type(model).__name__} has {list(q)}"
                f"{' of binary numbers' if getattr(model, 'binary', False) else ''}: take it with 'm1', 'm2' or "
                "'m1_m2', or another inference"
            )
        evidence = Evidence(model.joint(y), q, x, temper(self.kl_warm_up, training))
        z = draw(q, 1, seed)["z"]
        found = evidence({"z": z}).total()
        if training is False or not self.steps:
            return found
        moved = self._moved(evidence, q["z"], tf.stop_gradient(z), noise.fold(seed, 1 << 16))
        # What the model would learn from z_0 is taken off, what it learns from z_T is put in its place.
        return found + _learn(evidence, moved) - _learn(evidence, tf.stop_gradient(z))

    def _moved(self, evidence: Evidence, q: Any, z: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return z_T."""
        mean, scale = tf.stop_gradient(q.mean()), tf.stop_gradient(q.stddev())

        def log_prob(epsilon: tf.Tensor) -> tf.Tensor:
            return _log_joint(evidence({"z": mean + scale * epsilon}))

        kernel = tfp.mcmc.HamiltonianMonteCarlo(log_prob, self.step_size, self.leapfrog)
        epsilon = (z - mean) / scale
        results = kernel.bootstrap_results(epsilon)
        for step in range(self.steps):
            epsilon, results = kernel.one_step(epsilon, results, seed=noise.fold(seed, step))
        return tf.stop_gradient(mean + scale * epsilon)


def _log_joint(terms: Terms) -> tf.Tensor:
    return terms.log_likelihood + sum(terms.log_prior.values())


def _learn(evidence: Evidence, z: tf.Tensor) -> tf.Tensor:
    """Return a tensor of value 0 whose gradient is that of log p(x, z) by the model."""
    log_p = _log_joint(evidence({"z": z}))
    return log_p - tf.stop_gradient(log_p)
