"""Categorical likelihood for the one-hot columns of one or several variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.distributions import one_hot
from ssvae.likelihoods.base import Likelihood, as_tuple
from ssvae.likelihoods.by_functions import ByFunctions

NO_VALUE = -1e9  # the logit of a value that a variable does not have, whose probability is 0 in float32


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Categorical(Likelihood):
    """p(x | h) = ∏_v softmax(h_v)_k, k the value of variable v: the column of v that is 1, where the others are 0.

    A row with 0 in every column of a variable does not say its value: the factor of that variable is 1.

    Parameters
    ----------
    sizes : sequence of int
        How many values, and so columns, each variable has; empty: all columns are those of one variable.
    """

    sizes: Sequence[int] = ()
    support = (0.0, 1.0)
    discrete = True
    independent_columns = False

    def __post_init__(self) -> None:
        """Keep the sizes as a tuple, so that settings compare; refuse a variable without values."""
        object.__setattr__(self, "sizes", as_tuple("sizes of likelihood 'categorical'", self.sizes, int))
        if any(size < 1 for size in self.sizes):
            raise ValueError(f"sizes of likelihood 'categorical' must be >= 1 value each, got {self.sizes!r}")

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: for each variable as many logits as the largest has values."""
        sizes = self._sizes(features)
        return len(sizes) * max(sizes)

    def values(self, features: int) -> np.ndarray:
        """See `Likelihood.values`: every combination of the variables' values."""
        sizes = self._sizes(features)
        each = np.indices(sizes).reshape(len(sizes), -1)
        columns = [np.eye(size)[value] for size, value in zip(sizes, each, strict=True)]
        return np.concatenate(columns, axis=1, dtype=np.float32)

    def __call__(self, h: tf.Tensor) -> tfd.Distribution:
        """See `Likelihood.__call__`."""
        sizes = tuple(self.sizes) or (int(h.shape[-1]),)
        values = one_hot(_logits(h, sizes))
        own = np.flatnonzero(_places(sizes) < sum(sizes))

        def flat(padded: tf.Tensor) -> tf.Tensor:
            return tf.gather(tf.reshape(padded, tf.concat([tf.shape(padded)[:-2], [-1]], 0)), own, axis=-1)

        return ByFunctions(
            h,
            sum(sizes),
            lambda x: tf.reduce_sum(self.each(h, x), axis=-1),
            lambda: flat(values.mean()),
            lambda n, seed: flat(values.sample(n, seed=seed)),
        )

    def each(self, h: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.each`."""
        sizes = self._sizes(x.shape[-1])
        with_zero = tf.concat([x, tf.zeros_like(x[..., :1])], axis=-1)
        values = tf.gather(with_zero, _places(sizes), axis=-1)
        return tf.reduce_sum(values * tf.nn.log_softmax(_logits(h, sizes)), axis=-1)

    def _sizes(self, features: int) -> tuple[int, ...]:
        if self.sizes and sum(self.sizes) != features:
            raise ValueError(
                f"likelihood 'categorical' has variables of {list(self.sizes)} values, {sum(self.sizes)} columns in "
                f"all, and x has {features}: give one size a variable"
            )
        return tuple(self.sizes) or (features,)


def _places(sizes: Sequence[int]) -> np.ndarray:
    """Return the column of every value of every variable, [V, K]; beyond the last one where there are fewer than K."""
    starts, value = np.cumsum([0, *sizes[:-1]]), np.arange(max(sizes))
    return np.where(value < np.array(sizes)[:, np.newaxis], starts[:, np.newaxis] + value, sum(sizes))


def _logits(h: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Return the logits of every variable, [..., V, K]."""
    there = _places(sizes) < sum(sizes)
    logits = tf.reshape(h, tf.concat([tf.shape(h)[:-1], there.shape], 0))
    return logits if there.all() else tf.where(there, logits, NO_VALUE)
