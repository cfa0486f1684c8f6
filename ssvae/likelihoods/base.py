"""The contract of a likelihood p(x | h), h the outputs of a network.

``likelihood.outputs(D)`` says how many numbers h it wants for D features, and ``likelihood(h)`` is a distribution
over x: log-probabilities in nats, summed over the last axis. ``likelihood.observe(x, seed)`` turns preprocessed data
into values that the distribution can score; most likelihoods score the data as they are. ``likelihood.inputs(x)`` is
what the recognition networks see in place of x, such as the logarithms of counts.

Log-probabilities, their gradients, means and what is observed are the same in graph mode and under XLA, and finite for
every h and every x inside `Likelihood.support`. Samples are a function of their seed, but a distribution with
TensorFlow Probability's own sampler has others under XLA, whose random numbers come from another generator. XLA cannot
compile all of those samplers (not that of ``tfd.NegativeBinomial``): such a likelihood says
``samples_with_xla = False``. The class is registered with Keras (``keras.saving.register_keras_serializable``), as it
is saved with its model.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.registry import Component


class Likelihood(Component):
    """p(x | h).

    Attributes
    ----------
    discrete : bool
        Whether p(x | h) is a probability and no density; `values` then gives those that x may have.
    binary : bool
        Whether x is 0 or 1 in every column, and h its logits.
    resample : bool
        Whether `observe` draws binary values from grey levels.
    independent_columns : bool
        Whether the columns of x are independent given h, and each has the same number of h.
    of_counts : bool
        Whether x counts things such as words, whose shares are the mean over its sum.
    takes_gaps : bool
        Whether missing cells can be left out (`with_gaps`).
    samples_with_xla : bool
        Whether XLA compiles `sample`. Nothing but the sleep phase of a gradient draws x in a training step.
    """

    discrete: bool = False
    binary: bool = False
    resample: bool = False
    independent_columns: bool = True
    of_counts: bool = False
    takes_gaps: bool = False
    samples_with_xla: bool = True

    @property
    def support(self) -> tuple[float, float]:
        """Least and greatest value that x may have; of a density, either may be a limit that x only comes near to."""
        return -math.inf, math.inf

    @property
    def in_order(self) -> bool:
        """Whether log p(x) is that of a row's words in their order, which perplexity is defined on."""
        return False

    @property
    def bits_levels(self) -> int | None:
        """N where the bound less log n nats a column is one of a probability of x, and so has bits a column.

        1 where it is one as it stands; None where it is one of a density, or of words.
        """
        return 1 if self.discrete else None

    @property
    def observes(self) -> bool:
        """Whether `observe` gives other values than the data as they are."""
        return type(self).observe is not Likelihood.observe

    @property
    def preprocessing(self) -> str | Mapping[str, object]:
        """What is done to x where that is left open: nothing where x is bounded, else standardised columns."""
        return "identity" if math.isfinite(self.support[0]) else "standardize"

    def with_gaps(self, features: int, gaps: Sequence[int]) -> Likelihood:
        """Return the likelihood of rows of `features` columns, those numbered in `gaps` with missing cells.

        Raises
        ------
        ValueError
            If it scores whole rows only.
        """
        del features
        if gaps:
            raise ValueError(
                f"likelihood {type(self).__name__} cannot leave out missing cells: give likelihood 'auto' or 'mixed', "
                "or fill the cells"
            )
        return self

    @abstractmethod
    def outputs(self, features: int) -> int:
        """Return how many numbers the network must put out for `features` columns."""

    @abstractmethod
    def __call__(self, h: tf.Tensor) -> tfp.distributions.Distribution:
        """Return p(x | h) for h [..., outputs]: batch shape [...], event shape [D]."""

    def values(self, features: int) -> np.ndarray:
        """Return every value that x may have, [values, features]; of unbounded counts, all that are at all likely.

        Raises
        ------
        ValueError
            If x is continuous.
        """
        raise ValueError(f"x of likelihood {type(self).__name__} is continuous: its values cannot be listed")

    def each(self, h: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return log p(x_v | h) of every variable v, [..., V]: a column, or the columns of one categorical variable.

        Parameters
        ----------
        h : Tensor [..., outputs]
        x : Tensor [..., D]

        Raises
        ------
        ValueError
            If the columns are not independent given h.
        """
        if not self.independent_columns:
            raise ValueError(f"columns of likelihood {type(self).__name__} are not independent given h")
        kinds = tf.reshape(h, tf.concat([tf.shape(h)[:-1], [self.outputs(1), x.shape[-1]]], 0))
        return self(tf.linalg.matrix_transpose(kinds)).log_prob(x[..., tf.newaxis])

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return the values [B, D] to score in place of x [B, D]."""
        del seed
        return x

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """Return what recognition networks see in place of x [..., D], of the same shape."""
        return x


def combinations(values: Sequence[float] | np.ndarray, features: int) -> np.ndarray:
    """Return all rows of some columns that may each have the same values, [len(values) ** features, features]."""
    return np.array(list(itertools.product(values, repeat=features)), np.float32)


def as_tuple(name: str, values: Sequence[object], kind: type) -> tuple[Any, ...]:
    """Return a setting that is a list, as a tuple; refuse what is none, or holds something else.

    Raises
    ------
    ValueError
        Naming the setting.
    """
    if not isinstance(values, list | tuple) or any(type(value) is not kind for value in values):
        raise ValueError(f"{name} must be a list of {kind.__name__}, got {values!r}")
    return tuple(values)


def log_counts(x: tf.Tensor) -> tf.Tensor:
    """Return log(1 + x), and x itself below 0, where regularizers look for neighbours of 0."""
    return tf.where(x < 0.0, x, tf.math.log1p(tf.maximum(x, 0.0)))
