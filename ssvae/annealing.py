"""log p(x) of a Bayes net by annealed importance sampling.

References
----------
Annealed importance sampling (Neal, 2001).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae import noise
from ssvae.bayes_nets.check import check_start
from ssvae.bayes_nets.forms import Target
from ssvae.bayes_nets.net import BayesNet


class Marginal(NamedTuple):
    """Estimates of log p(x), one a row."""

    log_p: np.ndarray  # [rows], nats; an underestimate on average
    standard_error: np.ndarray  # [rows], of log_p, by the spread of the chains' weights
    effective: np.ndarray  # [rows], effective number of chains, 1 / Σ w̃²; near 1, do not trust log_p


def annealed_importance(
    net: BayesNet,
    data: Mapping[str, Any],
    *,
    steps: int = 500,
    chains: int = 32,
    leapfrog: int = 5,
    step_size: float = 0.3,
    seed: int = 0,
) -> Marginal:
    """Estimate log p(x) of each row by chains that go from p(ε) to p(ε | x) in `steps` temperatures.

    E[w] = p(x) for any number of steps; with one step it is importance sampling from the prior. In auxiliary form the
    prior is of independent numbers, from which chains start.

    Parameters
    ----------
    net : BayesNet
    data : dict of array [rows, ...]
    steps, chains, leapfrog : int
        Temperatures, chains a row, and leapfrog steps of the one HMC transition at each temperature.
    step_size : float
        Of these at the start; at later temperatures where few proposals are accepted it shrinks.
    seed : int

    Raises
    ------
    ValueError
        If a number is out of range, or a density at the start is none.
    """
    for name, value in (("steps", steps), ("chains", chains), ("leapfrog", leapfrog)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
    target = Target(net, data, "auxiliary")
    start = net.sample((chains, target.rows), seed)
    check_start(net, target.data, start)
    run = tf.function(_run, autograph=False, jit_compile=True)
    log_w = run(target, target.state(start), steps, leapfrog, step_size, noise.seed_tensor(seed)).numpy()
    return summary(log_w)


def summary(log_w: np.ndarray) -> Marginal:
    """Return the estimate of log E[w] for log w [samples, rows]."""
    most = log_w.max(axis=0)
    w = np.exp(np.float64(log_w - most))
    mean = w.mean(axis=0)
    error = w.std(axis=0, ddof=1) / np.sqrt(len(w)) / mean if len(w) > 1 else np.full(len(mean), np.nan)
    return Marginal(most + np.log(mean), error, w.sum(axis=0) ** 2 / np.square(w).sum(axis=0))


def _run(target: Target, state: tf.Tensor, steps: int, leapfrog: int, step_size: float, seed: tf.Tensor) -> tf.Tensor:
    """Return log w, [chains, rows]."""

    def kernel(log_prob: Any, size: tf.Tensor) -> Any:
        return tfp.mcmc.HamiltonianMonteCarlo(log_prob, size, leapfrog)

    def body(step: tf.Tensor, state: tf.Tensor, log_w: tf.Tensor, size: tf.Tensor) -> Any:
        low, high = (tf.cast(step + i, tf.float32) / steps for i in (0, 1))
        log_w += (high - low) * target.log_likelihood(state)
        own = kernel(lambda at: target.log_prior(at) + high * target.log_likelihood(at), size)
        state, results = own.one_step(state, own.bootstrap_results(state), seed=noise.fold(seed, step))
        rate = tf.reduce_mean(tf.exp(tf.minimum(results.log_accept_ratio, 0.0)), axis=0)[..., tf.newaxis]
        return step + 1, state, log_w, size * tf.exp(0.1 * (rate - 0.8))

    log_w, size = tf.zeros(state.shape[:-1]), tf.fill([target.rows, 1], step_size)
    return tf.while_loop(lambda step, *_: step < steps, body, (tf.constant(0), state, log_w, size))[2]
