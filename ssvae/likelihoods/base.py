"""The contract of a likelihood p(x | h), h the outputs of a network.

``likelihood.outputs(D)`` says how many numbers h it wants for D features, and ``likelihood(h)`` is a distribution
over x: log-probabilities in nats, summed over the last axis. ``likelihood.observe(x, seed)`` turns preprocessed data
into values that the distribution can score; most likelihoods score the data as they are. ``likelihood.inputs(x)`` is
what the recognition networks see in place of x, such as the logarithms of counts.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.component import Component


class Likelihood(Component):
    """p(x | h).

    Attributes
    ----------
    support : tuple of float
        Least and greatest value that x may have.
    """

    support = (-math.inf, math.inf)

    @abstractmethod
    def outputs(self, features: int) -> int:
        """Return how many numbers the network must put out for `features` columns."""

    @abstractmethod
    def __call__(self, h: tf.Tensor) -> tfp.distributions.Distribution:
        """Return p(x | h) for h [..., outputs]: batch shape [...], event shape [D]."""

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return the values [B, D] to score in place of x [B, D]."""
        del seed
        return x

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """Return what recognition networks see in place of x [..., D], of the same shape."""
        return x
