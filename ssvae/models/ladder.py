"""The ladder's posterior: the recognition network's Gaussian combined with the prior from the level above.

References
----------
Ladder Variational Autoencoders (Sønderby, Raiko, Maaløe, Sønderby and Winther, 2016): the precision-weighted
combination of its section on the model; the equations' numbers differ between its versions.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ssvae.backend.softplus import softplus
from ssvae.distributions import LOG_VARIANCE_RANGE


def combined(own: Sequence[tf.Tensor], prior: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Return mean and log-variance [..., Z] of the Gaussian ∝ N(μ̂, σ̂²) N(μ_p, σ_p²).

    σ² = 1 / (σ̂⁻² + σ_p⁻²), μ = σ² (μ̂ σ̂⁻² + μ_p σ_p⁻²). With t = log σ_p² − log σ̂² these are μ = μ_p + sigmoid(t)
    (μ̂ − μ_p) and log σ² = log σ_p² − softplus(t), in which no precision can overflow.

    Parameters
    ----------
    own, prior : pair of Tensor [..., Z]
        Mean and log-variance.
    """
    (mean, log_variance), (prior_mean, prior_log_variance) = own, prior
    prior_log_variance = tf.clip_by_value(prior_log_variance, *LOG_VARIANCE_RANGE)
    t = prior_log_variance - tf.clip_by_value(log_variance, *LOG_VARIANCE_RANGE)
    return prior_mean + tf.sigmoid(t) * (mean - prior_mean), prior_log_variance - softplus(t)
