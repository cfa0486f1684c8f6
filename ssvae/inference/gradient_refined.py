"""Gradient-refined inference: the recognition network's λ are improved by gradient ascent on the bound.

References
----------
Iterative Refinement of Approximate Posterior for Training Directed Belief Networks (Hjelm et al., 2015), §3, GDIR.
On the challenges of learning with inference networks on sparse, high-dimensional data (Krishnan, Liang and Hoffman,
2018), algorithm 1; Semi-Amortized Variational Autoencoders (Kim et al., 2018), §3: the other two ways to learn.
Natural Gradient Works Efficiently in Learning (Amari, 1998): the steps in the metric of q.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.backend.surrogates import detached
from ssvae.distributions import given, has_kl
from ssvae.gradients.base import draw
from ssvae.inference.ascent import State, bounded, broadcast, direction, loop, unrolled, where, zeros
from ssvae.inference.base import Training
from ssvae.inference.refinement_objective import RefinementObjective, independent_rows, surrogate
from ssvae.inference.refining import Refined, Refining
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.relaxations import Rule, soft, straight_through
from ssvae.settings.checks import one_of

ENCODERS = ("kl", "bound", "through")
METRICS = ("natural", "plain")
DECAYS = ("linear", "constant")
RULES = {"straight_through": straight_through, "mean": soft}
WIDER, NARROWER = 1.25, 0.5  # of a row's rate after a step that the line search took, or refused


@dataclass(frozen=True)
class GradientRefined(Refining):
    """v_{t+1} = m v_t + d_t, λ_{t+1} = λ_t + γ_t v_{t+1}, d_t each row's own direction of ascent on its bound.

    A row whose bound has not risen after T steps, by the same draws of z, keeps λ_0.

    Parameters
    ----------
    rate : float
        γ_0; a row's step does not depend on the batch.
    decay : "linear" or "constant"
        γ_t = γ_0 (1 − t / T), or γ_0 throughout (the paper).
    momentum : float
        m.
    metric : "natural" or "plain"
        d is the natural gradient in μ and a quarter of it in log σ², whose gradient is the noisier one, (σ² ∂/∂μ,
        ½ ∂/∂log σ²): it does not mind the scale of z. Of a binary latent it is that in the logit, ∂/∂μ. Or ∇_λ itself
        (the paper).
    clip_norm : float
        Largest length of a row's direction, in the metric's own units.
    encoder : "kl", "bound" or "through"
        What the recognition network learns from: −KL(q_T || q_0), q_T held fixed (Hjelm et al.); its own ELBO (Krishnan
        et al.); the ELBO at λ_T through all steps, with second derivatives (Kim et al.). The decoder learns at λ_T.
    line_search : bool
        Take a step only where it raises the bound of the same draws of z; a row's rate shrinks when one is refused.
        No momentum then. Because the draws are kept, few samples will be overfitted: take 10 or more.
    binary : "straight_through" or "mean"
        How gradients pass binary latents: by draws as if they were means, or by the means in place of draws ("mean
        push", the paper). Both are biased; a row keeps what raised its bound.
    """

    rate: float = 0.9
    decay: str = "linear"
    momentum: float = 0.3
    metric: str = "natural"
    clip_norm: float = 5.0
    encoder: str = "kl"
    line_search: bool = False
    binary: str = "straight_through"

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        one_of("metric", self.metric, METRICS)
        one_of("decay", self.decay, DECAYS)
        one_of("encoder", self.encoder, ENCODERS)
        one_of("binary", self.binary, tuple(RULES))
        if self.line_search and self.encoder == "through":
            raise ValueError("encoder='through' needs steps that are differentiable: line_search=False")
        if not (self.rate > 0.0 and self.clip_norm > 0.0 and 0.0 <= self.momentum < 1.0):
            raise ValueError(
                "gradient_refined needs rate > 0, clip_norm > 0 and 0 <= momentum < 1, got "
                f"{self.rate!r}, {self.clip_norm!r} and {self.momentum!r}"
            )

    def rule(self) -> Rule:
        """See `Refining.rule`."""
        return RULES[self.binary]

    def refine(
        self,
        objective: RefinementObjective,
        start: Parameters,
        steps: int | tf.Tensor,
        seed: tf.Tensor,
        training: Training,
    ) -> Refined:
        """See `Refining.refine`; outside training the steps may be a tensor, for one trace of any number of them."""
        start = broadcast(start, objective)
        if training is not False and self.encoder == "through":
            # Written out, however many steps: XLA has no derivative of a loop of matrix products.
            return Refined(list(self.refinement_path(objective, start, steps, seed))[-1])
        refined = detached(self._improved(objective, detached(start), steps, seed))
        return Refined(refined, 0.0 if training is False else self._surrogate(objective, start, refined, seed))

    def _improved(
        self, objective: RefinementObjective, start: Parameters, steps: int | tf.Tensor, seed: tf.Tensor
    ) -> Parameters:
        """Return λ_T where the bound is higher there than at λ_0, by the same draws, and λ_0 elsewhere."""
        if self.line_search:
            return self._line_searched(objective, start, steps, seed)
        refined = self._ascended(objective, start, steps, seed)
        return where(objective.bound(refined, seed) > objective.bound(start, seed), refined, start)

    def refinement_path(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor
    ) -> Iterator[Parameters]:
        """See `Inference.refinement_path`."""
        parameters, velocity = start, zeros(start)
        for step in range(steps):
            rate = self._rate(step, steps)
            parameters, velocity = self._step(objective, parameters, velocity, rate, random.fold(seed, step))
            yield parameters

    def _ascended(
        self, objective: RefinementObjective, start: Parameters, steps: int | tf.Tensor, seed: tf.Tensor
    ) -> Parameters:
        if unrolled(steps):
            return list(self.refinement_path(objective, start, steps, seed))[-1]

        def body(step: tf.Tensor, parameters: Parameters, velocity: Parameters) -> State:
            rate = self._rate(tf.cast(step, tf.float32), steps)
            return step + 1, *self._step(objective, parameters, velocity, rate, random.fold(seed, step))

        return loop(body, steps, (start, zeros(start)))[0]

    def _rate(self, step: int | tf.Tensor, steps: int | tf.Tensor) -> float | tf.Tensor:
        steps = steps if isinstance(steps, int) else tf.cast(steps, tf.float32)
        return self.rate * (1.0 - step / steps) if self.decay == "linear" else self.rate

    def _step(
        self,
        objective: RefinementObjective,
        parameters: Parameters,
        velocity: Parameters,
        rate: float | tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[Parameters, Parameters]:
        direction = self._direction(objective, parameters, objective.value_and_gradient(parameters, seed)[1])
        velocity = {name: self.momentum * velocity[name] + direction[name] for name in parameters}
        return bounded(objective, {name: value + rate * velocity[name] for name, value in parameters.items()}), velocity

    def _line_searched(
        self, objective: RefinementObjective, start: Parameters, steps: int | tf.Tensor, seed: tf.Tensor
    ) -> Parameters:
        def body(
            step: tf.Tensor, parameters: Parameters, bound: tf.Tensor, direction: Parameters, rate: tf.Tensor
        ) -> State:
            length = rate[..., tf.newaxis]
            proposed = {name: value + length * direction[name] for name, value in parameters.items()}
            proposed = bounded(objective, proposed)
            there, gradient = objective.value_and_gradient(proposed, seed)
            taken = there > bound  # False where it is not finite
            kept = {
                now: where(taken, new, old)
                for now, new, old in (
                    ("parameters", proposed, parameters),
                    ("direction", self._direction(objective, proposed, gradient), direction),
                )
            }
            rate *= tf.where(taken, WIDER, NARROWER)
            return step + 1, kept["parameters"], tf.where(taken, there, bound), kept["direction"], rate

        bound, gradient = objective.value_and_gradient(start, seed)
        rate = tf.fill(tf.shape(bound), self.rate)
        return loop(body, steps, (start, bound, self._direction(objective, start, gradient), rate))[0]

    def _direction(self, objective: RefinementObjective, parameters: Parameters, gradient: Parameters) -> Parameters:
        return direction(objective, parameters, gradient, self.metric == "natural", self.clip_norm)

    def _surrogate(
        self, objective: RefinementObjective, start: Parameters, refined: Parameters, seed: tf.Tensor
    ) -> tf.Tensor:
        if self.encoder == "bound":
            return surrogate(start, objective.value_and_gradient(detached(start), random.fold(seed, -1))[1])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            own = detached(start)
            tape.watch(own)
            distance = _divergence(objective.model, refined, own, seed)
        return surrogate(start, {name: -value for name, value in tape.gradient(distance, own).items()})


def _divergence(model: HasDensity, refined: Parameters, own: Parameters, seed: tf.Tensor) -> tf.Tensor:
    """Return KL(q_T || q_0), [..., B], nats; every latent given those that q_T draws before it."""
    with independent_rows():
        target, q = model.posterior(refined), model.posterior(own)
        values = draw(target, 1, seed)
        return sum(_kl(given(target[name], values), given(q[name], values), values[name]) for name in q)


def _kl(p: tfd.Distribution, q: tfd.Distribution, value: tf.Tensor) -> tf.Tensor:
    """Return KL(p || q), or an estimate by the value drawn from p where it has no closed form."""
    return tfd.kl_divergence(p, q) if has_kl(p, q) else p.log_prob(value) - q.log_prob(value)
