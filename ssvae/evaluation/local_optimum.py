"""The best λ of a row: its bound climbed for long by Adam, with no network between row and λ.

References
----------
Inference Suboptimality in Variational Autoencoders (Cremer, Li and Duvenaud, 2018): the local
optimisation that it measures gaps by.
Adam: A Method for Stochastic Optimization (Kingma and Ba, 2015), algorithm 1.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.surrogates import detached
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.models.base import Parameters

RATE, SAMPLES = 0.03, 4  # of Adam; draws a row and step
JUDGES, TIMES = 16, 8  # draws a row, and how often, by which two λ are compared
BETA, BETA_OF_SQUARES, TINY = 0.9, 0.999, 1e-8


def local_optimum(
    model: Any,
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
    than its λ_0, or not finite, keeps λ_0: both are judged by the same draws, which no step has seen.

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

    def body(step, found, first, second):  # type: ignore[no-untyped-def]
        slope = objective.value_and_gradient(found, random.fold(seed, step))[1]
        done = tf.cast(step, tf.float32) / steps
        return step + 1, *_adam(found, slope, first, second, tf.cast(step + 1, tf.float32), rate * _share(done))

    zeros = {name: tf.zeros_like(value) for name, value in start.items()}
    loop = (tf.constant(0), detached(start), zeros, zeros)
    end = tf.while_loop(lambda step, *_: step < steps, body, loop, parallel_iterations=1, maximum_iterations=steps)[1]
    return better(model, end, start, x, y, random.fold(seed, steps))


def better(
    model: Any, one: Parameters, other: Parameters, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor
) -> Parameters:
    """Return of two λ the one whose bound is higher, row by row and by the same draws; `other` where that is not so."""
    judge = RefinementObjective(model, x, y, JUDGES)

    def mean(parameters: Parameters) -> tf.Tensor:
        def body(time, total):  # type: ignore[no-untyped-def]
            return time + 1, total + judge.bound(parameters, random.fold(seed, time))

        start = (tf.constant(0), tf.zeros(tf.shape(next(iter(parameters.values())))[:-1]))
        limits = {"parallel_iterations": 1, "maximum_iterations": TIMES}
        return tf.while_loop(lambda time, _: time < TIMES, body, start, **limits)[1]

    higher = (mean(one) > mean(other))[..., tf.newaxis]
    return {name: tf.where(higher, one[name], value) for name, value in other.items()}


def _share(done: tf.Tensor) -> tf.Tensor:
    """Return the share of the rate when this share of the steps is done."""
    return tf.minimum(1.0, 2.0 * (1.0 - done))


def _adam(
    found: Parameters, slope: Parameters, first: Parameters, second: Parameters, time: tf.Tensor, rate: tf.Tensor
) -> tuple[Parameters, Parameters, Parameters]:
    """Return λ and the means of slopes and of their squares, a step uphill."""
    first = {n: BETA * v + (1.0 - BETA) * slope[n] for n, v in first.items()}
    second = {n: BETA_OF_SQUARES * v + (1.0 - BETA_OF_SQUARES) * tf.square(slope[n]) for n, v in second.items()}
    scale = rate * tf.sqrt(1.0 - BETA_OF_SQUARES**time) / (1.0 - BETA**time)
    return {n: v + scale * first[n] / (tf.sqrt(second[n]) + TINY) for n, v in found.items()}, first, second
