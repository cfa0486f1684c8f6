"""Capabilities of models: base classes that declare what a model can do.

A concrete model lists them before `ssvae.models.base.Model`, as in ``class M2(GenerativeClassifier, Model)``, and code
asks ``isinstance(model, HasClasses)``. What they demand is abstract; the rest has a default here.

λ are the numbers of q(z | x, y), by the name of their latent: entries [..., B, 2Z], mean and log-variance side by side,
or logits [..., B, Z] where ``binary`` is true; other entries are carried along. What needs λ takes ``infer``, a
function (part, x, y) -> λ that finds them for a model, or for the part of a stack that has a bound of its own; by
default they are the recognition network's output (`encoded`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random
from ssvae.distributions import Conditionals, Values, given
from ssvae.likelihoods.base import Likelihood

if TYPE_CHECKING:
    from ssvae.networks.baseline import Baseline
    from ssvae.networks.mlp import MLP
    from ssvae.networks.update import Update

Parameters: TypeAlias = dict[str, tf.Tensor]  # λ
Infer: TypeAlias = "Callable[[HasDensity, tf.Tensor, tf.Tensor | None], Parameters]"


def encoded(part: HasDensity, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
    """Return λ as the recognition network gives it."""
    return part.encode(x, y)


class HasDensity(ABC):
    """A generative model p(z, x | y) with a recognition network q(z | x, y); y is None in a model without classes.

    Attributes
    ----------
    features : int
        D, columns of x.
    likelihood : Likelihood
        p(x | ·).
    binary : bool
        Whether the latents are binary vectors, and λ logits.
    mean_field : bool
        Whether λ are all that q of binary latents is made of, so that these are independent given x.
    updates : Mapping of str to Update
        The update networks of iterative inference, by latent from the bottom; empty if the model was made without.
    baselines : Mapping of str to Baseline
        The baselines of score-function gradients, by latent; empty if the model was made without.
    """

    features: int
    likelihood: Likelihood
    binary: bool = False
    mean_field: bool = False
    updates: Mapping[str, Update] = MappingProxyType({})
    baselines: Mapping[str, Baseline] = MappingProxyType({})

    @abstractmethod
    def joint(self, y: tf.Tensor | None = None) -> Conditionals:
        """Return p(z, x | y): conditionals by name, parents first, ``"x"`` last."""

    @abstractmethod
    def encode(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """Return λ as the recognition network gives it, for x [B, D] and one-hot y [..., B or 1, K]."""

    @abstractmethod
    def posterior(self, parameters: Parameters) -> Conditionals:
        """Return q(z; λ): conditionals by the names of `joint`, in sampling order."""

    def recognise(self, x: tf.Tensor, y: tf.Tensor | None, infer: Infer = encoded) -> Parameters:
        """Return λ as `infer` finds it; a stack asks it for its part."""
        return infer(self, x, y)

    def prior_parameters(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """Return the λ at which q(z) is the prior, where iterative inference may start.

        Raises
        ------
        NotImplementedError
            If the model knows none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no prior_parameters: take start='encoder'")

    def posterior_inputs(self, name: str, x: tf.Tensor, y: tf.Tensor | None, values: Values) -> list[tf.Tensor]:
        """Return what q of the latent `name` depends on, which its baseline gets, too; `values` are those drawn before.

        Raises
        ------
        NotImplementedError
            If the model has no baselines.
        """
        raise NotImplementedError(f"{type(self).__name__} has no baselines")

    def decode(self, values: Values, y: tf.Tensor | None = None) -> tfp.distributions.Distribution:
        """Return p(x | z, y)."""
        return given(self.joint(y)["x"], values)

    def prior_sample(self, y: tf.Tensor | None, rows: int, seed: tf.Tensor) -> Values:
        """Draw the latents from the prior, [rows, Z] each."""
        values: Values = {}
        for position, (name, conditional) in enumerate(self.joint(y).items()):
            if name != "x":
                distribution = given(conditional, values)
                shape = (rows,) if not len(distribution.batch_shape) else ()
                values[name] = distribution.sample(shape, seed=random.fold(seed, position))
        return values

    def posterior_means(self, x: tf.Tensor, y: tf.Tensor | None = None, infer: Infer = encoded) -> Values:
        """Return the mean of q for every latent, each given the means before it."""
        values: Values = {}
        for name, conditional in self.posterior(self.recognise(x, y, infer)).items():
            values[name] = given(conditional, values).mean()
        return values


class HasLatents(HasDensity):
    """A generative model whose latents represent a row."""

    @property
    def latent_columns(self) -> int:
        """How many columns `latents` has; by default those of a row of zeros are counted."""
        return int(self.latents(tf.zeros([1, self.features])).shape[-1])

    @abstractmethod
    def latents(self, x: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return the representation of rows x [B, D] that `transform` returns, [B, Z]."""


class LatentFeatures(HasLatents):
    """A model without classes, whose latents are the features of a separate classifier.

    Attributes
    ----------
    classifier : str or Mapping
        The scikit-learn classifier, a name or a dict with a name (`estimator.latent_classifier`).
    """

    classifier: str | Mapping[str, object]


class HasClasses(ABC):
    """A classifier q(y | x).

    Attributes
    ----------
    classes : int
        K.
    """

    classes: int

    @abstractmethod
    def classify(self, x: tf.Tensor) -> tf.Tensor:
        """Return the logits [..., K] of q(y | x)."""

    def classify_in_numpy(self, x: np.ndarray) -> np.ndarray | None:
        """Return the logits [B, K] of `classify` for a few rows x [B, D], without TensorFlow; by default None: unknown.

        Whoever overrides `classify` or `class_model` overrides this, too; otherwise it is not asked
        (`prediction.classify`).
        """
        del x
        return None

    @abstractmethod
    def class_network(self) -> MLP:
        """Return the network of q(y | ·)."""

    @classmethod
    def classifier_arguments(cls, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Return the constructor's arguments by the names that shape the network of q(y | ·)."""
        return arguments

    def log_class_prior(self) -> tf.Tensor:
        """Return log p(y), [K]; by default all classes alike."""
        return tf.fill([self.classes], -math.log(self.classes))

    def class_model(self, x: tf.Tensor, infer: Infer = encoded) -> tuple[HasClasses, tf.Tensor]:
        """Return the part of the model that the class is read from, and what it sees of x; by default self and x."""
        del infer
        return self, x


class GenerativeClassifier(HasLatents, HasClasses):
    """A generative model with classes: p(y) p(z, x | y), q(y | x) q(z | x, y)."""

    @abstractmethod
    def log_class_prior(self) -> tf.Tensor:
        """Return log p(y), [K]."""

    def class_model(self, x: tf.Tensor, infer: Infer = encoded) -> tuple[GenerativeClassifier, tf.Tensor]:
        """See `HasClasses.class_model`."""
        del infer
        return self, x

    def analogies(self, x: tf.Tensor, own: tf.Tensor, every: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return the mean of p(x | z, y') for classes y' = `every` [K, 1, K], z the posterior mean under `own` [B, K].

        Returns
        -------
        Tensor [K, B, D]
        """
        return self.decode(self.posterior_means(x, own, infer), every).mean()


def class_count(model: object) -> int:
    """Return K, or 1 for a model without classes: how often each row without a label is scored."""
    return model.classes if isinstance(model, HasClasses) else 1


class Stacked(ABC):
    """A stack of two models, the second one on the latents of the first.

    Attributes
    ----------
    first : HasLatents
        The lower model, which has a bound of log p(x) of its own.
    """

    first: HasLatents

    @property
    @abstractmethod
    def second(self) -> GenerativeClassifier:
        """The upper model."""
