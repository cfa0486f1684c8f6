"""The best λ of a row, by many steps of Adam on its own bound: the optimum without an encoder.

References
----------
Inference Suboptimality in Variational Autoencoders (Cremer, Li and Duvenaud, 2018): the local
optimisation that it measures gaps by.
"""

from __future__ import annotations

import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.adam import adam_step
from ssvae.backend.surrogates import detached
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.models.capabilities import HasDensity, Parameters

RATE, SAMPLES = 0.03, 4  # of Adam; draws a row and step
COMPARED_SAMPLES, COMPARISONS = 16, 8  # draws a row, and how often, by which two λ are compared


def local_optimum(
    model: HasDensity,
    start: Parameters,
    x: tf.Tensor,
    y: tf.Tensor | None,
    steps: int,
    seed: tf.Tensor,
    rate: float = RATE,
    samples: int = SAMPLES,
) -> Parameters:
    """Return λ* of each row, shaped as λ_0; to be traced.

    Each step has new draws of z, which all rows share, so that a row's λ* depend on no other row. The rate is constant
    for the first half of the steps and falls to 0 over the second, which averages the draws. A row whose λ* are worse
    than its λ_0, or not finite, keeps λ_0: both are compared by the same draws, which no step has used.

    Parameters
    ----------
    model : Model
        Or the part that has a bound of its own.
    start : dict
        λ_0, each [B, 2Z].
    x : Tensor [B, D]
    y : Tensor [B, K] or None
    steps : int
    seed : Tensor [2] int32
    rate : float
    samples : int
        S, draws of z a row and step.
    """
    objective = RefinementObjective(model, x, y, samples)

    def body(
        step: tf.Tensor, found: Parameters, first: Parameters, second: Parameters
    ) -> tuple[tf.Tensor, Parameters, Parameters, Parameters]:
        gradients = objective.value_and_gradient(found, random.fold(seed, step))[1]
        done = tf.cast(step, tf.float32) / steps
        time, now = tf.cast(step + 1, tf.float32), rate * _share(done)
        taken = {n: adam_step(gradients[n], first[n], second[n], time, now) for n in found}
        return (
            step + 1,
            {n: value + taken[n].step for n, value in found.items()},
            {n: own.first for n, own in taken.items()},
            {n: own.second for n, own in taken.items()},
        )

    zeros = {name: tf.zeros_like(value) for name, value in start.items()}
    loop = (tf.constant(0), detached(start), zeros, zeros)
    end = tf.while_loop(lambda step, *_: step < steps, body, loop, parallel_iterations=1, maximum_iterations=steps)[1]
    return better(model, end, start, x, y, random.fold(seed, steps))


def better(
    model: HasDensity, one: Parameters, other: Parameters, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor
) -> Parameters:
    """Return of two λ the one whose bound is higher, row by row and by the same draws; `other` where that is not so."""
    judge = RefinementObjective(model, x, y, COMPARED_SAMPLES)

    @tf.function(autograph=False)  # one trace for both
    def mean(parameters: Parameters) -> tf.Tensor:
        def body(time: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return time + 1, total + judge.bound(parameters, random.fold(seed, time))

        start = (tf.constant(0), tf.zeros(tf.shape(next(iter(parameters.values())))[:-1]))
        limits = {"parallel_iterations": 1, "maximum_iterations": COMPARISONS}
        return tf.while_loop(lambda time, _: time < COMPARISONS, body, start, **limits)[1]

    higher = (mean(one) > mean(other))[..., tf.newaxis]
    return {name: tf.where(higher, one[name], value) for name, value in other.items()}


def _share(done: tf.Tensor) -> tf.Tensor:
    """Return the share of the rate when this share of the steps is done."""
    return tf.minimum(1.0, 2.0 * (1.0 - done))
