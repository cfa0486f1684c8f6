"""The distributions of latents and classes: TensorFlow Probability's, with the product over the last axis taken.

Their draws come from `ssvae.backend.random`: TensorFlow Probability's generator is slow under XLA.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from ssvae.backend import engine, random
from ssvae.backend.softplus import softplus
from ssvae.relaxations import Rule, hard

Values = dict[str, tf.Tensor]
Conditional: TypeAlias = tfd.Distribution | Callable[[Values], tfd.Distribution]
Conditionals = Mapping[str, Conditional]


def given(conditional: Conditional, values: Values) -> tfd.Distribution:
    """Return the distribution of one variable, given the values of those before it."""
    return conditional if isinstance(conditional, tfd.Distribution) else conditional(values)


def kinds(q: Conditionals) -> list[tfd.Distribution]:
    """Return the distribution of each variable, given the means of those before it."""
    values: Values = {}
    found = []
    for name, conditional in q.items():
        found.append(given(conditional, values))
        values[name] = found[-1].mean()
    return found


def reads(conditional: Conditional, values: Values) -> set[str]:
    """Return the names of the variables that a conditional depends on."""
    recorded = _Recorded(values)
    given(conditional, recorded)
    return recorded.names


class _Recorded(dict[str, tf.Tensor]):
    """Values that record which of them are read."""

    def __init__(self, values: Values) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> tf.Tensor:
        self.names.add(name)
        return super().__getitem__(name)


def has_kl(q: tfd.Distribution, p: tfd.Distribution) -> bool:
    """Whether KL(q || p) has a closed form; distributions that have none say so."""
    return all(each.closed_kl for each in (q, p) if isinstance(each, BinaryVector))


def is_diagonal_normal(distribution: tfd.Distribution) -> bool:
    """Whether a distribution is a diagonal Gaussian."""
    one = distribution.distribution if isinstance(distribution, tfd.Independent) else distribution
    return isinstance(one, tfd.Normal)


LOG_VARIANCE_RANGE = (-15.0, 15.0)  # keeps exp finite in float32 (Marino et al. 2018, released code)


def diagonal_normal(mean: tf.Tensor, log_variance: tf.Tensor) -> tfd.Distribution:
    """N(mean, diag exp(log_variance)) over the last axis.

    Parameters
    ----------
    mean, log_variance : Tensor [..., Z]
    """
    bounded = tf.clip_by_value(log_variance, *LOG_VARIANCE_RANGE)
    return _Product(_Normal(mean, tf.exp(0.5 * bounded)), 1)


class _Product(tfd.Independent):
    """Independent over the last axis, with the sum of its log-probabilities under XLA as a product with ones.

    XLA stores what it is to sum over more than a few numbers, and then sums slowly.
    """

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        if not engine.current().xla:
            return super()._log_prob(value)
        each = self.distribution.log_prob(value)
        return tf.tensordot(each, tf.ones(tf.shape(each)[-1:]), 1)


class Masked(tfd.Independent):
    """Independent over the last axis, of which only some columns are there; the others are 0.

    Parameters
    ----------
    independent : Independent
        Of all columns [D].
    there : Tensor [D]
        1 for the columns that are there, else 0.
    """

    def __init__(self, independent: tfd.Independent, there: tf.Tensor) -> None:
        parameters = dict(locals())
        super().__init__(independent.distribution, 1)
        self._parameters, self._there = parameters, there

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(self.distribution.log_prob(value), self._there, 1)

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        return super()._sample_n(n, seed) * self._there


class _Normal(tfd.Normal):
    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        return self.loc + self.scale * random.normal(
            tf.concat([[n], self.batch_shape_tensor()], 0), tfp.random.sanitize_seed(seed)
        )


def standard_normal(size: int) -> tfd.Distribution:
    """N(0, I) in `size` dimensions."""
    return diagonal_normal(tf.zeros([size]), tf.zeros([size]))


class _Bernoulli(tfd.Bernoulli):
    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        # One softplus in place of the host's two: this line is the hottest of a step on pixels.
        logits = self.logits_parameter()
        return value * logits - softplus(logits)

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        shape = tf.concat([[n], self.batch_shape_tensor()], 0)
        return hard(self.logits_parameter(), random.latent_uniform(shape, tfp.random.sanitize_seed(seed)))


class BinaryVector:
    """What distributions of binary vectors [..., D] offer beside TensorFlow Probability's methods.

    Attributes
    ----------
    closed_kl : bool
        Whether KL divergences from and to it have a closed form.
    """

    closed_kl: bool = True

    @abstractmethod
    def drawn(self, rule: Rule, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
        """Return values by a rule of `ssvae.relaxations`, [*shape, ..., D]."""

    @abstractmethod
    def means(self, value: tf.Tensor) -> tf.Tensor:
        """Return the mean of every number given those before it in `value`, [..., D]."""


class Binary(BinaryVector, _Product):
    """Independent binary numbers, which can be drawn by another rule."""

    def logits(self) -> tf.Tensor:
        """Return the logits, [..., D]."""
        return self.distribution.logits_parameter()

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        logits = self.logits()
        if len(logits.shape) != 3 or logits.shape[1] != 1 or len(value.shape) != 2:
            return super()._log_prob(value)
        # Every draw of z with every row: one product of matrices in place of S x B x D numbers.
        each = tf.linalg.matmul(logits[:, 0], value, transpose_b=True)
        return each - tf.reduce_sum(softplus(logits), axis=-1)

    def means(self, value: tf.Tensor) -> tf.Tensor:
        """See `BinaryVector.means`."""
        del value
        return self.mean()

    def drawn(self, rule: Rule, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
        """See `BinaryVector.drawn`."""
        logits = self.logits()
        whole = tf.concat([tf.convert_to_tensor(shape, tf.int32), tf.shape(logits)], 0)
        return rule(tf.broadcast_to(logits, whole), random.latent_uniform(whole, seed))


def bernoulli(logits: tf.Tensor) -> tfd.Distribution:
    """Independent Bernoulli over the last axis, float32 samples.

    Parameters
    ----------
    logits : Tensor [..., D]
    """
    return Binary(_Bernoulli(logits=logits, dtype=tf.float32), 1)


def one_hot(logits: tf.Tensor) -> tfd.Distribution:
    """Categorical over K classes with one-hot values.

    Parameters
    ----------
    logits : Tensor [..., K]
    """
    return _OneHot(logits=logits, dtype=tf.float32)


class _OneHot(tfd.OneHotCategorical):
    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        logits = self.logits_parameter()
        uniform = random.uniform(tf.concat([[n], tf.shape(logits)], 0), tfp.random.sanitize_seed(seed))
        gumbel = -tf.math.log(-tf.math.log(uniform))  # the greatest of logits + Gumbel noise is a draw (Gumbel, 1954)
        return tf.one_hot(tf.argmax(logits + gumbel, axis=-1), logits.shape[-1], dtype=self.dtype)
