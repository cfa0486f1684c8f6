"""Whether chains have mixed: R-hat, effective sample sizes, autocorrelation; of draws [draws, chains, ...].

References
----------
Rank-normalization, folding, and localization: an improved R-hat for assessing convergence of MCMC (Vehtari, Gelman,
Simpson, Carpenter and Bürkner, 2021).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

LEAST_DRAWS = 4  # two of each half


def ess(x: np.ndarray) -> np.ndarray:
    """Return the effective sample size of the means of x [draws, chains, ...], over all chains, [...] (eq. 10)."""
    x = np.asarray(_checked(x), np.float64)
    spread = x.std(axis=(0, 1))
    # Numbers that do not move tell nothing of the posterior: NaN, as ArviZ has it.
    scaled = np.where(spread > 0.0, (x - x.mean(axis=(0, 1))) / np.where(spread > 0.0, spread, 1.0), np.nan)
    halves = tf.constant(split(scaled))
    found = tfp.mcmc.effective_sample_size(halves, filter_beyond_positive_pairs=True, cross_chain_dims=1)
    return np.minimum(found.numpy(), x.shape[0] * x.shape[1] * np.log10(x.shape[0] * x.shape[1]))


def bulk_ess(x: np.ndarray) -> np.ndarray:
    """Return the effective sample size of x's ranks, made normal (§4.3)."""
    return ess(normal_ranks(x))


def tail_ess(x: np.ndarray) -> np.ndarray:
    """Return the lesser effective sample size of the 5 % and the 95 % quantile."""
    low, high = np.quantile(_checked(x), [0.05, 0.95], axis=(0, 1))
    return np.minimum(ess(x <= low), ess(x <= high))


def r_hat(x: np.ndarray) -> np.ndarray:
    """Return the greater R-hat of normal ranks, of x and of |x − median|, by halves of chains (§4.1 and 4.2)."""
    folded = np.abs(x - np.median(_checked(x), axis=(0, 1)))
    return np.maximum(*(_split_r_hat(normal_ranks(each)) for each in (x, folded)))


def autocorrelation(x: np.ndarray, lags: int = 100) -> np.ndarray:
    """Return the autocorrelation of x at lags 0 to `lags`, a mean over chains, [lags + 1, ...]."""
    x = np.asarray(_checked(x), np.float64)
    found = tfp.stats.auto_correlation(tf.constant(x - x.mean(axis=(0, 1))), axis=0, max_lags=min(lags, len(x) - 1))
    return found.numpy().mean(axis=1)


def normal_ranks(x: np.ndarray) -> np.ndarray:
    """Return Φ⁻¹((rank − 3/8) / (n + 1/4)) over draws and chains (eq. 14)."""
    flat = np.reshape(x, [x.shape[0] * x.shape[1], -1])
    ranks = stats.rankdata(flat, axis=0)
    return special.ndtri((ranks - 0.375) / (len(flat) + 0.25)).reshape(x.shape)


def split(x: np.ndarray) -> np.ndarray:
    """Return the halves of each chain as chains of their own, [draws // 2, 2 · chains, ...]."""
    half = len(x) // 2
    return np.concatenate([x[:half], x[-half:]], axis=1)


def _split_r_hat(x: np.ndarray) -> np.ndarray:
    halves = split(x)
    within = halves.var(axis=0, ddof=1).mean(axis=0)
    between = halves.mean(axis=0).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((len(halves) - 1) / len(halves) + between / within)


def _checked(x: np.ndarray) -> np.ndarray:
    if np.ndim(x) < 2 or len(x) < LEAST_DRAWS:
        raise ValueError(f"diagnostics need draws [draws >= {LEAST_DRAWS}, chains, ...], got shape {np.shape(x)}")
    return np.asarray(x)
