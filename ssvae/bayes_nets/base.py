"""The contract of a node: its conditional distribution given its parents.

Functions of a node name their parents as arguments and get the parents' values [..., *shape]; they return tensors that
broadcast over the leading axes (chains, rows). Arguments with a default are not parents.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import TypeAlias, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from ssvae.distributions import Values

Function: TypeAlias = Callable[..., tf.Tensor | float]  # of parents' values, by the names of its arguments
Constant: TypeAlias = float | np.ndarray | Sequence[float] | tf.Tensor
Parameter: TypeAlias = Constant | Function
Data: TypeAlias = Mapping[str, ArrayLike]  # [rows, ...] by the names of the observed nodes
T = TypeVar("T")
LEAST, MOST = 0.0, 3.4e38  # a scale is above the first and below the second


class Node(ABC):
    """A node of a net.

    Parameters
    ----------
    *parameters : number, tensor or function
        Those that may depend on parents.
    """

    def __init__(self, *parameters: Parameter) -> None:
        named = [_arguments(p) for p in parameters if callable(p)]
        self.parents = tuple(dict.fromkeys(name for names in named for name in names))

    def read(self, parameter: T | Callable[..., T], values: Values) -> T:
        """Return a parameter at the values of the parents."""
        if not callable(parameter):
            return parameter
        return parameter(*(values[name] for name in _arguments(parameter)))

    @abstractmethod
    def log_prob(self, value: tf.Tensor, values: Values) -> tf.Tensor:
        """Return log p(value | parents), numbers [..., *shape] that add up to it, or [...]."""


class Latent(Node):
    """A node with z = g(parents, ε): a distribution of ε without parameters, and a bijector g for each parents' values.

    Parameters
    ----------
    shape : int or sequence of int
        Of one value.
    noise : tfp.distributions.Distribution
        Of each number of ε.
    *parameters : number, tensor or function
        Those that may depend on parents.
    """

    def __init__(self, shape: int | Sequence[int], noise: tfd.Distribution, *parameters: Parameter) -> None:
        super().__init__(*parameters)
        self.shape = tuple(shape) if isinstance(shape, Sequence) else (shape,)
        if not self.shape or not all(isinstance(n, Integral) and n > 0 for n in self.shape):
            raise ValueError(f"shape must be an integer >= 1 or a list of such, got {shape!r}")
        self.noise = noise

    @property
    def rank(self) -> int:
        """Axes of one value."""
        return len(self.shape)

    @abstractmethod
    def bijector(self, values: Values) -> tfb.Bijector:
        """Return g(parents, ·), a tfp.bijectors.Bijector."""

    def log_prob(self, value: tf.Tensor, values: Values) -> tf.Tensor:
        """Return log p(z | parents) = log p(ε) + log |∂ε/∂z|, [...], nats."""
        g = self.bijector(values)
        return self.noise_log_prob(g.inverse(value)) + g.inverse_log_det_jacobian(value, event_ndims=self.rank)

    def noise_log_prob(self, epsilon: tf.Tensor) -> tf.Tensor:
        """Return log p(ε), [...], nats."""
        return tf.reduce_sum(self.noise.log_prob(epsilon), axis=list(range(-self.rank, 0)))

    def faults(self, values: Values) -> list[str]:
        """Return messages about parameters that are invalid at these values of the parents."""
        del values
        return []


class Observed(Node):
    """A node whose values are data: any distribution of the parents.

    Parameters
    ----------
    distribution : function
        Of parents' values -> tfp.distributions.Distribution over [..., *shape of one row's data].
    """

    def __init__(self, distribution: Callable[..., tfd.Distribution]) -> None:
        super().__init__(distribution)
        self.distribution = distribution

    def given(self, values: Values) -> tfd.Distribution:
        """Return the distribution at the values of the parents."""
        return self.read(self.distribution, values)

    def log_prob(self, value: tf.Tensor, values: Values) -> tf.Tensor:
        """Return log p(x | parents), nats, numbers that add up to it in each row."""
        return self.given(values).log_prob(value)


def _arguments(function: Callable[..., object]) -> list[str]:
    """Return the arguments that are parents: those without a default."""
    empty = inspect.Parameter.empty
    return [name for name, p in inspect.signature(function).parameters.items() if p.default is empty]


def check_family(what: str, distribution: tfd.Distribution) -> None:
    """Check that a distribution is of single continuous numbers.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(distribution, tfd.Distribution):
        raise ValueError(f"{what} must be a distribution of TensorFlow Probability, got {distribution!r}")
    name = type(distribution).__name__
    if distribution.event_shape.rank != 0:
        raise ValueError(
            f"{what} must be of single numbers, got {name} of arrays of shape {tuple(distribution.event_shape)}: "
            "numbers depend on each other by a common parent, such as their scale"
        )
    if not distribution.dtype.is_floating or _is_discrete(distribution):
        raise ValueError(f"{what} must be continuous, got {name}: chains move by gradients, which discrete values lack")


def _is_discrete(distribution: tfd.Distribution) -> bool:
    try:
        return distribution.experimental_default_event_space_bijector() is None
    except NotImplementedError:
        return False


def scale_faults(scale: tf.Tensor) -> list[str]:
    """Return messages about scales that are not positive and finite."""
    scale = tf.reshape(tf.convert_to_tensor(scale, tf.float32), [-1])
    bad = tf.boolean_mask(scale, tf.logical_not((scale > LEAST) & (scale < MOST)))
    return [f"its scale must be > 0 and finite, got {float(bad[0])}"] if int(tf.size(bad)) else []
