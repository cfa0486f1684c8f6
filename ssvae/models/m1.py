"""M1: a variational autoencoder whose latents feed a separate classifier.

References
----------
Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014), §2.1, eqs. 1 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from ssvae.distributions import Conditionals, Values, standard_normal
from ssvae.likelihoods.base import Likelihood
from ssvae.models.base import Model
from ssvae.models.capabilities import Infer, LatentFeatures, encoded
from ssvae.models.gaussian_latent import GaussianLatent
from ssvae.networks.baseline import baselines
from ssvae.networks.mlp import MLP
from ssvae.networks.update import Level, updates
from ssvae.networks.widths import sizes


@keras.saving.register_keras_serializable("ssvae")
class M1(GaussianLatent, LatentFeatures, Model):
    """p(z) = N(0, I), p(x | z) = likelihood(MLP(z)), q(z | x) = N(μ(x), diag σ²(x)).

    Parameters
    ----------
    features : int
        D, columns of x.
    likelihood : Likelihood
        p(x | h).
    latent : int
        Z, dimensions of z.
    hidden : int or sequence of int
        Hidden widths of the encoder.
    decoder_hidden : int or sequence of int, optional
        Hidden widths of the decoder, from z to x; by default the encoder's in reverse.
    activation : str
        Keras activation of the hidden layers.
    normalization : "none", "layer" or "batch"
    skip : "none" or "highway"
        Of the hidden layers (`networks.mlp`).
    update : Mapping, optional
        Settings of the network that iterative inference learns (`networks.update`).
    baseline : Mapping, optional
        Settings of the baseline that score-function gradients learn (`networks.baseline`).
    classifier : str or dict
        The scikit-learn classifier that `SSVAEClassifier` puts on the posterior means (`estimator.latent_classifier`).
    seed : int
        Seed of the initial weights.
    """

    auto_steps = (500, 20_000)  # where M1 on large data stopped to gain

    def __init__(
        self,
        features: int,
        likelihood: Likelihood,
        latent: int = 50,
        hidden: int | Sequence[int] = (300,),
        activation: str = "relu",
        normalization: str = "none",
        skip: str = "none",
        decoder_hidden: int | Sequence[int] | None = None,
        update: Mapping[str, object] | None = None,
        baseline: Mapping[str, object] | None = None,
        classifier: str | Mapping[str, object] = "svm",
        seed: int = 0,
        name: str = "m1",
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, name=name, **kwargs)
        self.features, self.likelihood, self.latent = features, likelihood, latent
        self.hidden, self.activation, self.classifier = sizes(hidden), activation, classifier
        self.normalization, self.skip, self.update, self.baseline = normalization, skip, update, baseline
        self.decoder_hidden = None if decoder_hidden is None else sizes(decoder_hidden, "decoder_hidden")
        upwards = self.hidden[::-1] if self.decoder_hidden is None else self.decoder_hidden
        self.encoder = MLP([features], self.hidden, 2 * latent, activation, normalization, latent, skip, name="encoder")
        outputs = likelihood.outputs(features)
        self.decoder = MLP([latent], upwards, outputs, activation, normalization, skip=skip, name="decoder")
        self.updates = updates(update, {"z": Level(latent, features, self.hidden)})
        self.baselines = baselines(baseline, {"z": self.encoder.inputs})
        self.built = True
        self.reset(np.random.default_rng(seed))

    def joint(self, y: tf.Tensor | None = None) -> Conditionals:
        """See `HasDensity`: p(z) and p(x | z)."""
        del y
        return {"z": standard_normal(self.latent), "x": lambda v: self.likelihood(self.decoder(v["z"]))}

    def posterior_inputs(self, name: str, x: tf.Tensor, y: tf.Tensor | None, values: Values) -> list[tf.Tensor]:
        """See `HasDensity.posterior_inputs`: x."""
        del name, y, values
        return [self.likelihood.inputs(x)]

    def latents(self, x: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return the posterior mean of z, [B, Z]."""
        return self.posterior_means(x, None, infer)["z"]
