"""Iterated sampling importance resampling: a transition that resamples each state among itself and prior draws.

References
----------
Particle Markov chain Monte Carlo methods (Andrieu, Doucet and Holenstein, 2010), §4.3.
"""

from __future__ import annotations

import tensorflow as tf

from ssvae.backend import random
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.distributions import Values


def resampled(density: PosteriorDensity, state: tf.Tensor, data: Values, draws: int, seed: tf.Tensor) -> tf.Tensor:
    """Return states [rows, size], each resampled by likelihood among itself and `draws` from the prior.

    The transition leaves p(z | x) invariant, and reaches modes that no trajectory does. All rows share the draws, so
    that they cost one pass through the net; each row resamples with its own random numbers.

    Parameters
    ----------
    density : PosteriorDensity
    state : Tensor [rows, size]
    data : dict of Tensor [rows, ...]
    draws : int
    seed : Tensor [2] int32
    """
    nodes = enumerate(density.net.latents.items())
    epsilon = {name: node.noise.sample((draws, 1, *node.shape), random.fold(seed, n)) for n, (name, node) in nodes}
    proposed = density.state(density.net.values(epsilon))  # [draws, 1, size]
    log_w = tf.concat([density.log_likelihood(state, data)[tf.newaxis], density.log_likelihood(proposed, data)], 0)
    uniform = random.uniform(tf.shape(log_w), random.fold(seed, len(density.sizes)))
    chosen = tf.argmax(log_w - tf.math.log(-tf.math.log(uniform)), axis=0)  # log w + Gumbel noise: a draw by w
    return tf.where(chosen[:, tf.newaxis] == 0, state, tf.gather(proposed[:, 0], tf.maximum(chosen - 1, 0)))
