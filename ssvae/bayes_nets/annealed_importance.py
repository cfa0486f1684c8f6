"""log p(x) of a Bayes net by annealed importance sampling.

References
----------
Annealed importance sampling (Neal, 2001).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random
from ssvae.bayes_nets.base import Data
from ssvae.bayes_nets.check import check_start
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers.base import accepted
from ssvae.settings.checks import whole

ACCEPT = 0.8  # probability of acceptance at each temperature that step sizes are adapted to


class Marginal(NamedTuple):
    """Estimates of log p(x), one a row."""

    log_p: np.ndarray  # [rows], nats; an underestimate on average
    standard_error: np.ndarray  # [rows], of log_p, by the spread of the chains' weights
    effective: np.ndarray  # [rows], effective number of chains, 1 / Σ w̃²; where it is near 1, do not trust log_p


def annealed_importance(
    net: BayesNet,
    data: Data,
    *,
    steps: int = 500,
    chains: int = 32,
    leapfrog: int = 5,
    step_size: float = 0.3,
    seed: int = 0,
) -> Marginal:
    """Estimate log p(x) of each row by chains that go from p(ε) to p(ε | x) in `steps` temperatures.

    The temperatures are p(ε) p(x | ε)^β, β in equal steps from 0 to 1. E[w] = p(x) for any number of steps; with one
    step it is importance sampling from the prior. Step sizes are adapted in a run before, because adapting them to the
    chains that they move would bias w.

    Parameters
    ----------
    net : BayesNet
        With continuous latents.
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    steps, chains, leapfrog : int
        Temperatures, chains a row, and leapfrog steps of the one HMC transition at each temperature.
    step_size : float
        Of these at the first temperature; at later ones it is adapted to accept four of five proposals.
    seed : int
        Decides the draws of all chains.

    Returns
    -------
    Marginal
        Estimates of log p(x) of each row in nats, their standard errors and effective sample sizes.

    Raises
    ------
    ValueError
        If a number is out of range, or a density at the start is not finite.
    """
    for name, value in (("steps", steps), ("chains", chains), ("leapfrog", leapfrog)):
        whole(name, value)
    if not 0.0 < step_size < float("inf"):
        raise ValueError(f"step_size must be > 0, got {step_size!r}")
    density = PosteriorDensity(net, data, "auxiliary")
    start = net.sample((chains, density.rows), seed)
    check_start(net, density.data, start)
    run = tf.function(partial(_run, density, steps, leapfrog), autograph=False, jit_compile=True)
    sizes = tf.fill([steps, density.rows, 1], tf.constant(step_size, tf.float32))
    other = density.state(net.sample((chains, density.rows), seed + 1))
    adapted = run(other, sizes, tf.constant(True), random.seed_tensor(seed + 1))[1]
    return summary(run(density.state(start), adapted, tf.constant(False), random.seed_tensor(seed))[0].numpy())


def summary(log_w: np.ndarray) -> Marginal:
    """Return the estimate of log E[w] for log w [samples, rows]."""
    top = log_w.max(axis=0)
    w = np.exp(np.float64(log_w - top))
    mean = w.mean(axis=0)
    error = w.std(axis=0, ddof=1) / np.sqrt(len(w)) / mean if len(w) > 1 else np.full(len(mean), np.nan)
    return Marginal(top + np.log(mean), error, w.sum(axis=0) ** 2 / np.square(w).sum(axis=0))


def _run(
    density: PosteriorDensity,
    steps: int,
    leapfrog: int,
    state: tf.Tensor,
    sizes: tf.Tensor,
    adapt: tf.Tensor,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return log w, [chains, rows], and the step sizes used, [steps, rows, 1]."""

    def body(
        step: tf.Tensor, state: tf.Tensor, log_w: tf.Tensor, last: tf.Tensor, used: tf.TensorArray
    ) -> tuple[tf.Tensor, ...]:
        low, high = (tf.cast(step + i, tf.float32) / steps for i in (0, 1))
        log_w += (high - low) * density.log_likelihood(state)
        size = tf.where(adapt, last, sizes[step])
        kernel = tfp.mcmc.HamiltonianMonteCarlo(
            lambda at: density.log_prior(at) + high * density.log_likelihood(at), size, leapfrog
        )
        state, results = kernel.one_step(state, kernel.bootstrap_results(state), seed=random.fold(seed, step))
        rate = tf.reduce_mean(accepted(results.log_accept_ratio), axis=0)[..., tf.newaxis]
        return step + 1, state, log_w, size * tf.exp(0.1 * (rate - ACCEPT)), used.write(step, size)

    used = tf.TensorArray(tf.float32, steps, element_shape=sizes.shape[1:])
    start = (tf.constant(0), state, tf.zeros(state.shape[:-1]), sizes[0], used)
    found = tf.while_loop(lambda step, *_: step < steps, body, start, maximum_iterations=steps)
    return found[2], found[4].stack()
