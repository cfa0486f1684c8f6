"""One Gaussian latent z with the prior N(0, I), which M1 and M2 share."""

from __future__ import annotations

import tensorflow as tf

from ssvae.distributions import Conditionals, diagonal_normal
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.networks.mlp import MLP


class GaussianLatent(HasDensity):
    """p(z) = N(0, I), q(z | ·) = N(μ, diag σ²); λ is {"z": [..., B, 2Z]}, mean and log-variance side by side.

    Attributes
    ----------
    latent : int
        Z, dimensions of z.
    encoder : MLP
        Gives λ of `posterior_inputs`.
    """

    latent: int
    encoder: MLP

    @property
    def latent_columns(self) -> int:
        """See `HasLatents.latent_columns`."""
        return self.latent

    def encode(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """See `HasDensity`: {"z": [..., B, 2Z]}, mean and log-variance side by side."""
        return {"z": self.encoder(*self.posterior_inputs("z", x, y, {}))}

    def posterior(self, parameters: Parameters) -> Conditionals:
        """See `HasDensity.posterior`."""
        return {"z": diagonal_normal(*tf.split(parameters["z"], 2, axis=-1))}

    def prior_parameters(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """See `HasDensity.prior_parameters`: means and log-variances 0."""
        like = x[..., :1] if y is None else x[..., :1] + y[..., :1]
        return {"z": tf.zeros_like(like) * tf.ones([2 * self.latent])}
