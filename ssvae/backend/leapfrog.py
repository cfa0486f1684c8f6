"""The transition of Hamiltonian Monte Carlo: leapfrog steps and a Metropolis test, for kernels and inference methods.

Not tfp.mcmc's, whose random numbers cost more under XLA on a CPU than the trajectories do, and differ from those in
graph mode. Here the momentum and the uniform number of the test are handed in.

References
----------
MCMC using Hamiltonian dynamics (Neal, 2011), §2.3 (leapfrog) and §3.2 with figure 2 (the transition).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

LogProb = Callable[[tf.Tensor], tf.Tensor]


class Position(NamedTuple):
    """Where chains stand, with the log-density there and its gradient."""

    state: tf.Tensor
    log_p: tf.Tensor  # as the state, without the axis of its numbers; nats
    gradient: tf.Tensor  # as the state


def position(log_prob: LogProb, state: tf.Tensor) -> Position:
    """Evaluate a log-density and its gradient at a state."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(state)
        log_p = log_prob(state)
    return Position(state, log_p, tape.gradient(log_p, state))


def transition(
    log_prob: LogProb,
    start: Position,
    momentum: tf.Tensor,
    log_uniform: tf.Tensor,
    step_size: float | tf.Tensor,
    steps: int | tf.Tensor,
    most: int | None = None,
    axis: int = -1,
) -> tuple[Position, tf.Tensor]:
    """Return where chains stand after one transition with unit mass, and the logarithm of the acceptance ratio.

    Parameters
    ----------
    log_prob : function
        Of states -> log-density, nats, up to a constant.
    start : Position
    momentum : Tensor, as the state
        Drawn from N(0, 1).
    log_uniform : Tensor, as log p
        log u with u ~ U(0, 1): a proposal is taken where it is below the log-ratio.
    step_size : float or Tensor that broadcasts with the state
    steps : int or Tensor []
        Leapfrog steps; an int unrolls them, a tensor makes them a loop.
    most : int, optional
        Bound of `steps` where that is a tensor.
    axis : int
        Of the state's numbers, the only one that log p does not have.

    Returns
    -------
    Position, Tensor as log p
        The log-ratio is -inf where it is not finite.
    """
    end, last = _trajectory(log_prob, start, momentum, step_size, steps, most)
    log_ratio = end.log_p - _kinetic(last, axis) - start.log_p + _kinetic(momentum, axis)
    log_ratio = tf.where(tf.math.is_finite(log_ratio), log_ratio, float("-inf"))
    taken = log_uniform < log_ratio
    of_state = tf.expand_dims(taken, axis)
    new = Position(
        tf.where(of_state, end.state, start.state),
        tf.where(taken, end.log_p, start.log_p),
        tf.where(of_state, end.gradient, start.gradient),
    )
    return new, log_ratio


def _trajectory(
    log_prob: LogProb,
    at: Position,
    momentum: tf.Tensor,
    step_size: float | tf.Tensor,
    steps: int | tf.Tensor,
    most: int | None,
) -> tuple[Position, tf.Tensor]:
    """Return position and momentum after leapfrog steps."""

    def leapfrog(step: int | tf.Tensor, at: Position, momentum: tf.Tensor) -> tuple[tf.Tensor, Position, tf.Tensor]:
        momentum += 0.5 * step_size * at.gradient
        at = position(log_prob, at.state + step_size * momentum)
        return step + 1, at, momentum + 0.5 * step_size * at.gradient

    if isinstance(steps, int):
        for step in range(steps):
            _, at, momentum = leapfrog(step, at, momentum)
        return at, momentum
    start = (tf.constant(0), at, momentum)
    return tf.while_loop(
        lambda step, *_: step < steps, leapfrog, start, parallel_iterations=1, maximum_iterations=most
    )[1:]


def _kinetic(momentum: tf.Tensor, axis: int) -> tf.Tensor:
    return 0.5 * tf.reduce_sum(tf.square(momentum), axis=axis)
