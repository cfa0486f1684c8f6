"""A sigmoid belief network with a class: M2 with binary latents, any number of levels of them.

References
----------
Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014), §2.2.
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from ssvae.likelihoods.base import Likelihood
from ssvae.models.belief_network import BeliefNetwork
from ssvae.models.class_network import GenerativeNetworkClassifier
from ssvae.networks.widths import sizes


@keras.saving.register_keras_serializable("ssvae")
class ConditionalSBN(GenerativeNetworkClassifier, BeliefNetwork):
    """p(y) = Cat(π), p(z_L) … p(z_1 | z_2) as in `models.sbn.SBN`, p(x | y, z_1); q(y | x) = Cat, q(z_1 | x, y), ….

    Parameters
    ----------
    features : int
        D, columns of x.
    classes : int
        K.
    likelihood : Likelihood
        p(x | ·).
    latent, hidden, activation, autoregressive, upwards, baseline
        Of the belief network (`models.sbn.SBN`).
    classifier_hidden : int or sequence of int
        Hidden widths of q(y | x), with ReLU.
    normalization : "none" or "layer"
        Of the hidden layers of q(y | x) (`networks.mlp`).
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
        latent: int | Sequence[int] = (200,),
        hidden: int | Sequence[int] = (),
        activation: str = "tanh",
        autoregressive: Sequence[str] = (),
        upwards: str = "sampled",
        baseline: Mapping[str, object] | None = None,
        classifier_hidden: int | Sequence[int] = (300, 300),
        normalization: str = "none",
        prior: str | Sequence[float] = "uniform",
        seed: int = 0,
        name: str = "conditional_sbn",
        **kwargs: object,
    ) -> None:
        super().__init__(
            features,
            likelihood,
            latent,
            hidden,
            activation,
            autoregressive,
            upwards,
            baseline,
            classes,
            seed=seed,
            name=name,
            **kwargs,
        )
        self.classes, self.classifier_hidden = classes, sizes(classifier_hidden, "classifier_hidden")
        self.normalization, self.prior = normalization, prior
        self.make_class_prior(prior)
        self.make_classifier(self.classifier_hidden, "relu", normalization)
        self.reset(np.random.default_rng(seed))
