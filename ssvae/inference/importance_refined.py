"""Importance-refined inference: the means of a binary posterior move to those of weighted draws.

References
----------
Iterative Refinement of Approximate Posterior for Training Directed Belief Networks (Hjelm et al., 2015), §3: AIR,
adaptive importance refinement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.surrogates import detached
from ssvae.distributions import given
from ssvae.inference.ascent import broadcast
from ssvae.inference.base import Training
from ssvae.inference.evidence import Evidence
from ssvae.inference.refinement_objective import RefinementObjective, independent_rows, surrogate
from ssvae.inference.refining import Refined, Refining
from ssvae.models.capabilities import HasDensity, Parameters

LEAST = 1e-4  # distance of a mean from 0 and 1: a logit without bound could not come back


@dataclass(frozen=True)
class ImportanceRefined(Refining):
    """μ_{t+1} = (1 − γ) μ_t + γ Σ_s w̃_s z_s, z_s ~ q_t, w̃ = w / Σ w, w = p(x, z) / q_t(z); λ are the logits of μ.

    The recognition network learns −KL(q_T || q_0), q_T held fixed. For what p learns the gradient decides: with
    ``{name: rws, wake: 1}`` from weighted draws of q_T, as in the paper.

    Parameters
    ----------
    rate : float
        γ; the paper calls 1 − γ its damping. With few samples one of them has all the weight, and the means would jump
        to it.
    """

    samples: int = 20
    test_samples: int | None = 100
    rate: float = 0.1

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if self.samples < 2 or not 0.0 < self.rate <= 1.0:
            raise ValueError(
                f"importance_refined needs samples >= 2 and 0 < rate <= 1, got {self.samples!r} and {self.rate!r}"
            )

    def initial_parameters(self, part: HasDensity, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """See `Inference.initial_parameters`."""
        if not part.mean_field:
            raise ValueError(
                f"inference 'importance_refined' needs binary latents that are independent given x, and this "
                f"{type(part).__name__} has others: take a belief network of one level, or with "
                "upwards='deterministic', without autoregressive 'posterior'"
            )
        return part.encode(x, y)

    def refine(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor, training: Training
    ) -> Refined:
        """See `Refining.refine`."""
        start = broadcast(start, objective)

        def body(step: tf.Tensor, parameters: Parameters) -> tuple[tf.Tensor, Parameters]:
            return step + 1, self._step(objective, parameters, random.fold(seed, step))

        state = (tf.constant(0), detached(start))
        refined = tf.while_loop(
            lambda step, _: step < steps, body, state, parallel_iterations=1, maximum_iterations=steps
        )[1]
        refined = detached(refined)
        if training is False:
            return Refined(refined)
        return Refined(refined, surrogate(start, {n: tf.sigmoid(refined[n]) - tf.sigmoid(start[n]) for n in start}))

    def refinement_path(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor
    ) -> Iterator[Parameters]:
        """See `Inference.refinement_path`."""
        parameters = start
        for step in range(steps):
            parameters = self._step(objective, parameters, random.fold(seed, step))
            yield parameters

    def _step(self, objective: RefinementObjective, parameters: Parameters, seed: tf.Tensor) -> Parameters:
        with independent_rows():
            q = objective.model.posterior(parameters)
            values = objective.draws(parameters, seed)
            evidence = Evidence(objective.model.joint(objective.y), q, objective.x, objective.temper)
            weights = tf.nn.softmax(evidence(values).total(), axis=0)[..., tf.newaxis]  # [K, ..., B, 1]
        found = {}
        for name, value in values.items():
            mean = given(q[name], values).mean()
            moved = mean + self.rate * (tf.reduce_sum(weights * value, axis=0) - mean)
            bounded = tf.clip_by_value(moved, LEAST, 1.0 - LEAST)
            found[name] = tf.math.log(bounded) - tf.math.log1p(-bounded)
        return found
