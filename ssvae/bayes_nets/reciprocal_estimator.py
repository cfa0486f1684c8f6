"""log p(x) of a Bayes net by the reciprocal importance sampling estimator over posterior draws.

References
----------
Bayesian model choice: asymptotics and exact calculations (Gelfand and Dey, 1994).
Auto-encoding variational Bayes (Kingma and Welling, 2014), appendix D: "for latent spaces of less than 5 dimensions".
"""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf
from scipy import stats

from ssvae.bayes_nets.annealed_importance import Marginal, summary
from ssvae.bayes_nets.base import Data
from ssvae.bayes_nets.draws import Draws
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import PosteriorDensity

MOST = 5  # latent numbers of a row: in more dimensions the variance is too large
SHARE = 0.1  # of all weight, that one draw may have before a warning


def reciprocal(net: BayesNet, data: Data, draws: Draws) -> Marginal:
    """Estimate log p(x) = −log E[q(ε) / p(x, ε)] over posterior draws, q a Gaussian fitted to the first half of them.

    The variance is infinite where q has wider tails than the posterior, so that q's covariance is shrunk by a tenth.
    Compare the estimate with `annealed_importance`; do not trust it alone.

    Parameters
    ----------
    net : BayesNet
        With at most 5 latent numbers a row.
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    draws : Draws
        Of this net and these data.

    Returns
    -------
    Marginal
        Estimates of log p(x) of each row in nats, their standard errors and effective sample sizes.

    Raises
    ------
    ValueError
        If a row has more than 5 numbers of latents, or there are fewer than 20 draws.

    Warns
    -----
    RuntimeWarning
        If a tenth of the weight of a row is that of one draw.
    """
    density = PosteriorDensity(net, data, "auxiliary")
    if density.size > MOST:
        raise ValueError(
            f"the reciprocal estimator supports at most {MOST} latent numbers a row, this net has {density.size}: "
            "take annealed_importance"
        )
    states = _states(density, draws)
    half = len(states) // 2
    log_p = density.log_prob(states[half:]).numpy()
    fitted, judged = (np.asarray(part, np.float64) for part in (states[:half], states[half:]))
    log_w = np.stack([_log_q(fitted[:, :, row], judged[:, :, row]) for row in range(density.rows)], axis=-1) - log_p
    found = summary(log_w.reshape(-1, density.rows))
    share = np.exp(log_w - log_w.max(axis=(0, 1)))
    if (1.0 / share.sum(axis=(0, 1)) > SHARE).any():
        warnings.warn(
            "a tenth of the weight of the reciprocal estimator is that of one draw: q has wider tails than the "
            "posterior, and the estimate may be far off; compare annealed_importance",
            RuntimeWarning,
            stacklevel=2,
        )
    return found._replace(log_p=-found.log_p)


def _states(density: PosteriorDensity, draws: Draws) -> tf.Tensor:
    """Return draws as states [draws, chains, rows, size]."""
    shapes = {name: (density.rows, *node.shape) for name, node in density.net.latents.items()}
    if {name: value.shape[2:] for name, value in draws.values.items()} != shapes:
        raise ValueError(
            f"these are not draws of this net given these data, of shapes {shapes} for each draw and chain"
        )
    values = {name: tf.constant(value, tf.float32) for name, value in draws.values.items()}
    states = density.state(values)
    if len(states) < 20:
        raise ValueError(f"the reciprocal estimator needs 20 draws or more, got {len(states)}")
    return states


def _log_q(fitted: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Return log q of draws [draws, chains, size] under the Gaussian of others."""
    flat = fitted.reshape(-1, fitted.shape[-1])
    covariance = 0.9 * np.atleast_2d(np.cov(flat.T))
    normal = stats.multivariate_normal(flat.mean(axis=0), covariance)
    return normal.logpdf(judged.reshape(-1, judged.shape[-1])).reshape(judged.shape[:-1])
