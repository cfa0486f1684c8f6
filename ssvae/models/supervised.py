"""The classifier network alone: what the labelled rows give without a generative model."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from ssvae.likelihoods.base import Likelihood
from ssvae.models.base import Model
from ssvae.models.class_network import NetworkClassifier
from ssvae.networks.widths import sizes


@keras.saving.register_keras_serializable("ssvae")
class Supervised(NetworkClassifier, Model):
    """q(y | x) = Cat(softmax(MLP(x))), the same network as M2's classifier, trained by cross-entropy.

    Parameters
    ----------
    features : int
        D, columns of x.
    classes : int
        K.
    likelihood : Likelihood
        Only its `observe` and `inputs` are used: the network sees what M2's classifier sees.
    hidden : int or sequence of int
        Hidden widths.
    activation : str
        Keras activation of the hidden layers.
    normalization : "none" or "layer"
        Of the hidden layers (`networks.mlp`).
    seed : int
        Seed of the initial weights.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        likelihood: Likelihood,
        hidden: int | Sequence[int] = (300, 300),
        activation: str = "relu",
        normalization: str = "none",
        seed: int = 0,
        name: str = "supervised",
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, name=name, **kwargs)
        self.features, self.classes, self.likelihood = features, classes, likelihood
        self.hidden, self.activation, self.normalization = sizes(hidden), activation, normalization
        self.make_classifier(self.hidden, activation, normalization)
        self.built = True
        self.reset(np.random.default_rng(seed))
