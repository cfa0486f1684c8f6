"""The one number that is minimised, for every model and inference method.

References
----------
Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014), eqs. 5 to 9.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random, seeds
from ssvae.backend.replica_context import part
from ssvae.distributions import Values, one_hot
from ssvae.gradients.base import Gradient, Integrand, Terms
from ssvae.inference.base import Inference
from ssvae.models.base import Model
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, HasDensity
from ssvae.registry import Component
from ssvae.regularizers.base import Regularizer
from ssvae.settings.renamed import refuse_both, warn
from ssvae.types import Batch


class Losses(NamedTuple):
    """Scalars of one step; zero where a term has no rows."""

    loss: tf.Tensor  # what is minimised
    labelled_bound: tf.Tensor  # mean of L(x, y), nats a row
    unlabelled_bound: tf.Tensor  # mean of U(x), nats a row
    cross_entropy: tf.Tensor  # mean of -log q(y | x) on labelled rows, nats
    regularizer: tf.Tensor  # the regularizers' sum


@dataclass(frozen=True)
class Objective(Component):
    """−[ N_l/N · mean L(x, y) + N_u/N · mean U(x) ] + α · (mean CE + strength · regularizers) + ½ Σw²/N.

    L(x, y) = bound(x | y) + log p(y) on labelled rows, U(x) = E_q(y|x)[ L(x, y) − log q(y | x) ] on unlabelled ones,
    CE = −log q(y | x) on labelled ones; N = N_l + N_u counts all rows. In the authors' summed form each labelled row
    has the weight 0.1 · N / N_l, which is the same α = 0.1.

    Parameters
    ----------
    inference : Inference
        Gives bound(x | y).
    gradient : Gradient
        Of the expectation over the continuous latents.
    class_gradient : Gradient
        Of the expectation over y.
    alpha : float
        Weight α of the classifier's own loss.
    weight_prior : float
        Precision of the N(0, I / precision) prior on the weight matrices; 1 in the paper.
    bound_gradient_weight : float
        How often the gradient of U, and of its weights' prior, counts for q(y | x), ρ; the value of U is not changed.
        1 is the paper's objective.
        A bound is tens or hundreds of nats and a cross-entropy one or two, so that with few labels the bound alone
        decides what the "classes" are: smaller ρ is what ends the plateau of M2.
    regularizers : tuple of Regularizer
        Further terms on q(y | x), counted as the cross-entropy is; none in the paper.
    pull : float, optional
        The former name of `bound_gradient_weight`.
    """

    inference: Inference
    gradient: Gradient
    class_gradient: Gradient
    alpha: float = 0.1
    weight_prior: float = 1.0
    bound_gradient_weight: float = 1.0
    regularizers: tuple[Regularizer, ...] = ()
    pull: InitVar[float | None] = None

    def __post_init__(self, pull: float | None) -> None:
        """Accept `bound_gradient_weight` under its old name, but not under both."""
        if pull is not None:
            if self.bound_gradient_weight != type(self).bound_gradient_weight:
                refuse_both("pull")
            warn("pull")
            object.__setattr__(self, "bound_gradient_weight", pull)

    def labelled(
        self,
        model: GenerativeClassifier,
        x: tf.Tensor,
        y: tf.Tensor,
        seed: tf.Tensor,
        training: bool | tf.Tensor = False,
    ) -> tf.Tensor:
        """Return L(x, y) [..., B], nats, for one-hot y [..., B or 1, K] (eq. 6)."""
        bound = self.inference.bound(model, x, y, self.gradient, seed, training)
        return bound + tf.reduce_sum(y * model.log_class_prior(), axis=-1)

    def unlabelled(
        self,
        model: HasDensity,
        x: tf.Tensor,
        seed: tf.Tensor,
        training: bool | tf.Tensor = False,
        logits: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return U(x) [B], nats (eq. 7), or the bound of log p(x) for a model without classes (eq. 5).

        `logits` are those of q(y | x), where they are known already.
        """
        if not isinstance(model, GenerativeClassifier):
            return self.inference.bound(model, x, None, self.gradient, seed, training)
        logits = model.classify(x) if logits is None else logits
        weight = self.bound_gradient_weight
        q = {"y": one_hot(weight * logits + (1.0 - weight) * tf.stop_gradient(logits))}
        integrand = _Labelled(self, model, x, q["y"], seed, training)
        # A seed that no draw of z folds to: classes drawn with the same bits as z would bias U.
        return self.class_gradient.expectation(integrand, q, random.fold(seed, seeds.CLASSES), training)

    def __call__(
        self,
        model: Model,
        labelled: Batch | None,
        unlabelled: Batch | None,
        share: tf.Tensor,
        seed: tf.Tensor,
        training: bool | tf.Tensor = True,
        strength: float | tf.Tensor = 1.0,
    ) -> Losses:
        """Return the losses of one step, all but the weights' prior: its gradient is known (`precisions`).

        Where replicas share the batches, each returns its part of the losses, and the parts add up to them.

        Parameters
        ----------
        model : Model
        labelled, unlabelled : Batch or None
            One minibatch of each stream.
        share : Tensor []
            N_l / N.
        seed : Tensor [2] int32
        training : bool or Tensor []
            The share of the steps that are done, for terms that change on the way.
        strength : float or Tensor []
            What the regularizers are multiplied by.
        """
        labelled, unlabelled = _classified(model, labelled, unlabelled)
        bound_l = bound_u = cross_entropy = extra = tf.constant(0.0)
        if labelled is not None:
            cross_entropy = part(labelled.weight * _cross_entropy(labelled.y, labelled.logits), labelled.total_rows)
            if isinstance(model, HasDensity):
                with random.rows_at(labelled.position, labelled.total_rows):
                    bound = self.labelled(
                        model, labelled.x, labelled.y, random.fold(seed, seeds.LABELLED_BOUND), training
                    )
                bound_l = part(labelled.weight * bound, labelled.total_rows)
        if unlabelled is not None:
            with random.rows_at(unlabelled.position, unlabelled.total_rows):
                bound = self.unlabelled(
                    model, unlabelled.x, random.fold(seed, seeds.UNLABELLED_BOUND), training, unlabelled.logits
                )
            bound_u = part(unlabelled.weight * bound, unlabelled.total_rows)
        for position, regularizer in enumerate(self.regularizers if isinstance(model, HasClasses) else ()):
            extra += strength * regularizer.penalty(
                model, labelled, unlabelled, random.fold(seed, seeds.REGULARIZERS + position), training
            )
        bounds = share * bound_l + (1.0 - share) * bound_u
        loss = -bounds + self.alpha * (cross_entropy + extra)
        return Losses(loss, bound_l, bound_u, cross_entropy, extra)

    def precisions(self, model: Model) -> list[float]:
        """Return the precision of the Gaussian prior on each trainable weight of the model."""
        return [self.weight_prior * precision for precision in model.precisions(self.bound_gradient_weight)]

    def mixed(self, model: Model, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
        """Return the loss of one batch in which labelled rows (y >= 0) and unlabelled rows (y = -1) are mixed.

        For `keras.Model.fit`, which knows neither streams nor the number of rows: every row pays for both bounds, and
        the weight prior and the regularizers are left out. `ssvae.training.loop` has them.
        """
        if y is None and not isinstance(model, HasDensity):
            raise ValueError(f"{type(model).__name__} has no density and learns from labels alone: fit(x, y)")
        if y is None or not isinstance(model, HasClasses):
            return -tf.reduce_mean(self.unlabelled(model, x, seed, True))
        y = tf.reshape(tf.cast(y, tf.int32), [-1])
        known = tf.cast(y >= 0, tf.float32)
        target = tf.one_hot(tf.maximum(y, 0), model.classes)
        bound = tf.zeros_like(known)
        if isinstance(model, HasDensity):
            bound += known * self.labelled(model, x, target, random.fold(seed, seeds.LABELLED_BOUND), True)
            bound += (1.0 - known) * self.unlabelled(model, x, random.fold(seed, seeds.UNLABELLED_BOUND), True)
        cross_entropy = tf.reduce_sum(known * _cross_entropy(target, model.classify(x)))
        return -tf.reduce_mean(bound) + self.alpha * cross_entropy / tf.maximum(tf.reduce_sum(known), 1.0)


def _cross_entropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return -log q(y | x), [B], nats."""
    return -tf.reduce_sum(y * tf.nn.log_softmax(logits), axis=-1)


def _classified(model: Model, labelled: Batch | None, unlabelled: Batch | None) -> tuple[Batch | None, Batch | None]:
    """Return the batches with the logits of all their rows, in one pass through the network."""
    if not isinstance(model, HasClasses):
        return labelled, unlabelled
    parts = [batch.x for batch in (labelled, unlabelled) if batch is not None]
    if unlabelled is not None and unlabelled.neighbour is not None:
        parts.append(unlabelled.neighbour)
    every = tf.split(model.classify(tf.concat(parts, 0)), [tf.shape(part)[0] for part in parts])
    if labelled is not None:
        labelled = labelled._replace(logits=every.pop(0))
    if unlabelled is not None:
        unlabelled = unlabelled._replace(logits=every.pop(0), neighbour_logits=every.pop(0) if every else None)
    return labelled, unlabelled


class _Labelled(Integrand):
    """y -> L(x, y) − log q(y | x), the integrand of U."""

    def __init__(
        self,
        objective: Objective,
        model: GenerativeClassifier,
        x: tf.Tensor,
        q: tfd.Distribution,
        seed: tf.Tensor,
        training: bool | tf.Tensor,
    ) -> None:
        self.objective, self.model, self.x, self.q, self.seed, self.training = objective, model, x, q, seed, training

    def __call__(self, values: Values) -> Terms:
        y = values["y"]
        objective, model = self.objective, self.model
        bound = objective.inference.bound(model, self.x, y, objective.gradient, self.seed, self.training)
        prior = tf.reduce_sum(y * model.log_class_prior(), axis=-1)
        return Terms(bound, {"y": prior}, {"y": -self.q.log_prob(y)})
