"""Convergence diagnostics of Markov chains: R-hat, effective sample sizes, autocorrelation of [draws, chains, ...].

References
----------
Rank-normalization, folding, and localization: an improved R-hat for assessing convergence of MCMC (Vehtari, Gelman,
Simpson, Carpenter and Bürkner, 2021).
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

LEAST_DRAWS = 4  # two of each half


def ess(x: np.ndarray) -> np.ndarray:
    """Return the effective sample size of the means of x [draws, chains, ...], over all chains, [...] (eq. 10)."""
    halves = split(np.asarray(_checked(x), np.float64))
    draws, chains = halves.shape[:2]
    n = draws * chains
    pairs = _correlation(halves)[: draws // 2 * 2].reshape(draws // 2, 2, *halves.shape[2:]).sum(axis=1)
    # Sums of adjacent lags are positive and decrease (Geyer, 1992): the first that does not is noise, and ends the sum.
    kept = np.where(np.logical_and.accumulate(pairs > 0.0, axis=0), pairs, 0.0)
    time = -1.0 + 2.0 * np.minimum.accumulate(kept, axis=0).sum(axis=0)
    return np.where(np.isnan(pairs[0]), np.nan, n / np.maximum(time, 1.0 / np.log10(n)))


def _correlation(halves: np.ndarray) -> np.ndarray:
    """Return the autocorrelation at every lag by all chains together (eq. 10); NaN where chains do not move."""
    draws = len(halves)
    covariance = _covariance(halves).mean(axis=1)
    within = covariance[0] * draws / (draws - 1)
    between = halves.mean(axis=0).var(axis=0, ddof=1) if halves.shape[1] > 1 else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 - (within - covariance * draws / (draws - 1)) / (covariance[0] + between)


def _covariance(x: np.ndarray) -> np.ndarray:
    """Return the autocovariance of each chain at every lag, shaped as x, with the divisor of lag 0."""
    spectrum = np.fft.rfft(x - x.mean(axis=0), n=2 * len(x), axis=0)
    return np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[: len(x)] / len(x)


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
    """Return the autocorrelation of x at lags 0 to `lags`, by all chains about their common mean, [lags + 1, ...]."""
    x = np.asarray(_checked(x), np.float64)
    spectrum = np.fft.rfft(x - x.mean(axis=(0, 1)), n=2 * len(x), axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[: min(lags + 1, len(x))].mean(axis=1)
    return covariance / covariance[0]


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
