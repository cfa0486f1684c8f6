"""A classifier network q(y | x), alone or with a class prior p(y), which the models with classes share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ssvae.likelihoods.base import Likelihood
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, Infer, encoded
from ssvae.networks import in_numpy
from ssvae.networks.class_prior import ClassPrior
from ssvae.networks.mlp import MLP


class NetworkClassifier(HasClasses):
    """q(y | x) = Cat(softmax(MLP(x))).

    Attributes
    ----------
    features : int
        D, columns of x.
    likelihood : Likelihood
        Its ``inputs(x)`` are what the network gets.
    classifier : MLP
    """

    features: int
    likelihood: Likelihood
    classifier: MLP

    def make_classifier(self, hidden: Sequence[int], activation: str, normalization: str) -> None:
        """Make the network, with these hidden layers (`networks.mlp`)."""
        self.classifier = MLP([self.features], hidden, self.classes, activation, normalization, name="classifier")

    def class_network(self) -> MLP:
        """See `HasClasses.class_network`."""
        return self.classifier

    def classify(self, x: tf.Tensor) -> tf.Tensor:
        """See `HasClasses.classify`."""
        return self.classifier(self.likelihood.inputs(x))

    def classify_in_numpy(self, x: np.ndarray) -> np.ndarray | None:
        """See `HasClasses.classify_in_numpy`; a network of another class than MLP is unknown."""
        if type(self.classifier) is not MLP:
            return None
        return in_numpy.outputs(self.classifier, np.asarray(self.likelihood.inputs(x)))


class GenerativeNetworkClassifier(NetworkClassifier, GenerativeClassifier):
    """p(y) = Cat(π), q(y | x) = Cat(softmax(MLP(x))).

    Attributes
    ----------
    class_prior : ClassPrior
    """

    class_prior: ClassPrior

    def make_class_prior(self, prior: str | Sequence[float]) -> None:
        """Make p(y): "uniform", "learned" or K numbers."""
        self.class_prior = ClassPrior(self.classes, prior, name="class_prior")

    def log_class_prior(self) -> tf.Tensor:
        """See `GenerativeClassifier.log_class_prior`."""
        return self.class_prior.log_probabilities()

    def latents(self, x: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return Σ_y q(y | x) E[z | x, y] of all latents side by side, in the order of `posterior`, [B, ΣZ]."""
        every = tf.eye(self.classes)[:, tf.newaxis, :]  # [K, 1, K]
        means = tf.concat(list(self.posterior_means(x, every, infer).values()), axis=-1)
        probabilities = tf.transpose(tf.nn.softmax(self.classify(x)))  # [K, B]
        return tf.einsum("kb,kbz->bz", probabilities, means)
