"""M2: a generative model in which the class is a latent variable beside a continuous one.

References
----------
Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014), §2.2, eqs. 2, 6, 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from ssvae.distributions import Conditionals, Values, standard_normal
from ssvae.likelihoods.base import Likelihood
from ssvae.models.base import Model
from ssvae.models.class_network import GenerativeNetworkClassifier
from ssvae.models.gaussian_latent import GaussianLatent
from ssvae.networks.baseline import baselines
from ssvae.networks.mlp import MLP
from ssvae.networks.update import Level, updates
from ssvae.networks.widths import deeper, sizes


@keras.saving.register_keras_serializable("ssvae")
class M2(GaussianLatent, GenerativeNetworkClassifier, Model):
    """p(y) = Cat(π), p(z) = N(0, I), p(x | y, z); q(y | x) = Cat, q(z | x, y) = N(μ(x, y), diag σ²(x, y)).

    Parameters
    ----------
    features : int
        D, columns of x.
    classes : int
        K.
    likelihood : Likelihood
        p(x | h).
    latent : int
        Z, dimensions of z.
    hidden : int or sequence of int
        Hidden widths of every network (the decoder's in reverse).
    activation : str
        Keras activation of the hidden layers.
    classifier_hidden : int or sequence of int, optional
        Hidden widths of q(y | x); by default one layer more than the other networks have, the last twice.
    normalization : "none" or "layer"
        Of the hidden layers of q(y | x) (`networks.mlp`).
    skip : "none" or "highway"
        Of the hidden layers of encoder and decoder.
    update : Mapping, optional
        Settings of the network that iterative inference learns (`networks.update`).
    baseline : Mapping, optional
        Settings of the baseline that score-function gradients learn (`networks.baseline`).
    prior : "uniform", "learned" or sequence of K numbers
        p(y): equal, learned with the other weights, or given.
    seed : int
        Seed of the initial weights.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        likelihood: Likelihood,
        latent: int = 50,
        hidden: int | Sequence[int] = (300,),
        activation: str = "relu",
        classifier_hidden: int | Sequence[int] | None = None,
        normalization: str = "none",
        skip: str = "none",
        update: Mapping[str, object] | None = None,
        baseline: Mapping[str, object] | None = None,
        prior: str | Sequence[float] = "uniform",
        seed: int = 0,
        name: str = "m2",
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, name=name, **kwargs)
        self.features, self.classes, self.likelihood, self.latent = features, classes, likelihood, latent
        self.hidden, self.activation, self.prior = sizes(hidden), activation, prior
        self.classifier_hidden = (
            deeper(hidden) if classifier_hidden is None else sizes(classifier_hidden, "classifier_hidden")
        )
        self.normalization, self.skip, self.update, self.baseline = normalization, skip, update, baseline
        self.make_class_prior(prior)
        self.make_classifier(self.classifier_hidden, activation, normalization)
        inputs = [features, classes]
        self.encoder = MLP(inputs, self.hidden, 2 * latent, activation, zero_outputs=latent, skip=skip, name="encoder")
        outputs = likelihood.outputs(features)
        self.decoder = MLP([latent, classes], self.hidden[::-1], outputs, activation, skip=skip, name="decoder")
        self.updates = updates(update, {"z": Level(latent, features, self.hidden)}, classes)
        self.baselines = baselines(baseline, {"z": inputs})
        self.built = True
        self.reset(np.random.default_rng(seed))

    def joint(self, y: tf.Tensor | None = None) -> Conditionals:
        """See `HasDensity`: p(z) and p(x | y, z)."""
        return {"z": standard_normal(self.latent), "x": lambda v: self.likelihood(self.decoder(v["z"], y))}

    def posterior_inputs(self, name: str, x: tf.Tensor, y: tf.Tensor | None, values: Values) -> list[tf.Tensor]:
        """See `HasDensity.posterior_inputs`: x and y."""
        del name, values
        return [self.likelihood.inputs(x), y]
