"""log p(x) of a Bayes net with at most three latent numbers by quadrature on a grid, to check estimates against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from ssvae.backend.engine import Engine, using
from ssvae.bayes_nets.base import Data
from ssvae.bayes_nets.families import quantile
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.settings.checks import whole

MOST = 3  # latent numbers of a row: the number of points is exponential in it
BLOCK = 512  # points at once


def log_marginal(
    net: BayesNet, data: Data, points: int = 100, progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return log p(x) = log ∫ p(x | ε = F⁻¹(u)) du of each row by the midpoint rule, [rows], nats.

    Along each number u = v² (3 − 2v) with v in equal steps, which puts points into the tails of p(ε): posteriors of a
    net that was learnt from few rows lie there. It has converged where twice the points give the same.

    Parameters
    ----------
    net : BayesNet
        With at most 3 latent numbers a row.
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    points : int
        Of the grid along each number of ε.
    progress : callable, optional
        Receives points done and points in all.

    Returns
    -------
    ndarray [rows]
        The log-density log p(x) of each row, nats.

    Raises
    ------
    ValueError
        If the latents of a row are more than 3 numbers, or `points` is not an integer >= 1.
    """
    whole("points", points)
    density = PosteriorDensity(net, data, "auxiliary")
    if density.size > MOST:
        raise ValueError(
            f"a grid supports at most {MOST} latent numbers a row, this net has {density.size}: take "
            "annealed_importance"
        )
    v = (np.arange(points) + 0.5) / points
    epsilon, log_w = _combined(net, v**2 * (3.0 - 2.0 * v)), _log_products(6.0 * v * (1.0 - v) / points, density.size)
    total = tf.fill([density.rows], tf.constant(-np.inf))
    add = tf.function(partial(_add, density), autograph=False, jit_compile=True)
    for begin in range(0, len(epsilon), BLOCK):
        some = slice(begin, begin + BLOCK)
        total = add(total, tf.constant(epsilon[some, np.newaxis]), tf.constant(log_w[some, np.newaxis]))
        if progress is not None:
            progress(min(begin + BLOCK, len(epsilon)), len(epsilon))
    return total.numpy()


def grid(net: BayesNet, points: int) -> np.ndarray:
    """Return ε at the middles of cells of equal prior mass, [points ** size, size], its last number varying fastest."""
    return _combined(net, (np.arange(points) + 0.5) / points)


def _combined(net: BayesNet, masses: np.ndarray) -> np.ndarray:
    """Return ε [points ** size, size] with each number at each of the quantiles of these masses [points]."""
    axes = [
        quantile(node.noise, tf.constant(masses, tf.float32))
        for node in net.latents.values()
        for _ in range(int(np.prod(node.shape)))
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)).astype(np.float32)


def _log_products(weights: np.ndarray, size: int) -> np.ndarray:
    """Return the log-weights of the points of `_combined`."""
    return np.sum(np.meshgrid(*[np.log(weights)] * size, indexing="ij"), axis=0).reshape(-1).astype(np.float32)


def _add(density: PosteriorDensity, total: tf.Tensor, epsilon: tf.Tensor, log_w: tf.Tensor) -> tf.Tensor:
    """Return log Σ w p(x | ε) of each row with further points [points, 1, size] and log w [points, 1] added."""
    with using(Engine(xla=True)):
        found = density.log_likelihood(epsilon) + log_w
    return tf.reduce_logsumexp(tf.concat([total[tf.newaxis], found], 0), axis=0)
