"""The classifier network alone: what the labelled rows give without a generative model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ssvae.models.base import Model, Stage
from ssvae.networks.mlp import MLP
from ssvae.networks.widths import sizes


@keras.saving.register_keras_serializable("ssvae")
class Supervised(Model):
    """q(y | x) = Cat(softmax(MLP(x))), the same network as M2's classifier, trained by cross-entropy.

    Parameters
    ----------
    features : int
        D, columns of x.
    classes : int
        K.
    likelihood : Likelihood
        Only its `observe` is used, so that the twin sees what M2's classifier sees.
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
        likelihood: Any,
        hidden: int | Sequence[int] = (300, 300),
        activation: str = "relu",
        normalization: str = "none",
        seed: int = 0,
        name: str = "supervised",
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, name=name, **kwargs)
        self.features, self.classes, self.likelihood = features, classes, likelihood
        self.hidden, self.activation, self.normalization = sizes(hidden), activation, normalization
        self.classifier = MLP([features], self.hidden, classes, activation, normalization, name="classifier")
        self.built = True
        self.reset(np.random.default_rng(seed))

    def stages(self, x: np.ndarray, infer_rows: Any = None) -> Iterator[Stage]:
        """See `Model.stages`."""
        yield Stage(self.name, self, x, self.likelihood, labels=True)

    def classify(self, x: tf.Tensor) -> tf.Tensor:
        """See `Model`: logits of q(y | x), [..., K]."""
        return self.classifier(self.likelihood.inputs(x))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return q(y | x), [B, K]."""
        return tf.nn.softmax(self.classify(x))
