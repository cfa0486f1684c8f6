"""Chains that may leap: the state of a row is chosen anew among itself and draws from the prior.

References
----------
Particle Markov chain Monte Carlo methods (Andrieu, Doucet and Holenstein, 2010), §4.3: iterated sampling importance
resampling.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ssvae.backend import random
from ssvae.bayes_nets.forms import Target


def resampled(target: Target, state: tf.Tensor, data: dict[str, Any], draws: int, seed: tf.Tensor) -> tf.Tensor:
    """Return states [rows, size], each one of `draws` from the prior or the one that was there, by likelihood.

    The transition leaves p(z | x) as it is, and reaches modes that no trajectory does. All rows are offered the same
    draws, so that they cost one pass through the net; each chooses with its own random number.

    Parameters
    ----------
    target : Target
    state : Tensor [rows, size]
    data : dict of Tensor [rows, ...]
    draws : int
    seed : Tensor [2] int32
    """
    nodes = enumerate(target.net.latents.items())
    epsilon = {name: node.noise.sample((draws, 1, *node.shape), random.fold(seed, n)) for n, (name, node) in nodes}
    offered = target.state(target.net.values(epsilon))  # [draws, 1, size]
    log_w = tf.concat([target.log_likelihood(state, data)[tf.newaxis], target.log_likelihood(offered, data)], 0)
    uniform = random.uniform(tf.shape(log_w), random.fold(seed, len(target.sizes)))
    chosen = tf.argmax(log_w - tf.math.log(-tf.math.log(uniform)), axis=0)  # log w + Gumbel noise: a draw by w
    return tf.where(chosen[:, tf.newaxis] == 0, state, tf.gather(offered[:, 0], tf.maximum(chosen - 1, 0)))
