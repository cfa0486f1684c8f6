"""A sigmoid belief network with a class: M2 with binary latents, any number of levels of them.

References
----------
Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014), §2.2.
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ssvae.models.base import Infer, encoded
from ssvae.models.sbn import SBN
from ssvae.networks.class_prior import ClassPrior
from ssvae.networks.mlp import MLP
from ssvae.networks.widths import sizes


@keras.saving.register_keras_serializable("ssvae")
class ConditionalSBN(SBN):
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
        likelihood: Any,
        latent: int | Sequence[int] = (200,),
        hidden: int | Sequence[int] = (),
        activation: str = "tanh",
        autoregressive: Sequence[str] = (),
        upwards: str = "sampled",
        baseline: Mapping[str, Any] | None = None,
        classifier_hidden: int | Sequence[int] = (300, 300),
        normalization: str = "none",
        prior: str | Sequence[float] = "uniform",
        seed: int = 0,
        name: str = "conditional_sbn",
        **kwargs: Any,
    ) -> None:
        own: dict[str, Any] = {"autoregressive": autoregressive, "upwards": upwards, "baseline": baseline}
        own |= {"seed": seed, "name": name, "told": (classes,)}
        super().__init__(features, likelihood, latent, hidden, activation, **own, **kwargs)
        self.classes, self.classifier_hidden = classes, sizes(classifier_hidden, "classifier_hidden")
        self.normalization, self.prior = normalization, prior
        self.class_prior = ClassPrior(classes, prior, name="class_prior")
        widths = self.classifier_hidden
        self.classifier = MLP([features], widths, classes, "relu", normalization, name="classifier")
        self.reset(np.random.default_rng(seed))

    def log_class_prior(self) -> tf.Tensor:
        """See `Model`: log p(y), [K]."""
        return self.class_prior.log_probabilities()

    def classify(self, x: tf.Tensor) -> tf.Tensor:
        """See `Model`: logits of q(y | x), [..., K]."""
        return self.classifier(self.likelihood.inputs(x))

    def latents(self, x: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return Σ_y q(y | x) E[z | x, y] of all levels side by side, the bottom first, [B, ΣZ]."""
        every = tf.eye(self.classes)[:, tf.newaxis, :]  # [K, 1, K]
        means = self.posterior_means(x, every, infer)
        probabilities = tf.transpose(tf.nn.softmax(self.classify(x)))  # [K, B]
        return tf.einsum("kb,kbz->bz", probabilities, tf.concat([means[name] for name in self.levels], axis=-1))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return q(y | x), [B, K]."""
        return tf.nn.softmax(self.classify(x))
