"""M2 on rows of fewer columns than it has, so that one compiled program serves several widths."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ssvae.distributions import Conditionals, Masked, given
from ssvae.models.m2 import M2

ARGUMENTS = inspect.signature(M2)


@keras.saving.register_keras_serializable("ssvae")
class PaddedM2(M2):
    """M2 of which the first A columns of x are there: the others are 0 in every row, and no part of p(x | y, z).

    Bounds and gradients are those of an M2 of A columns, whose weights it has; all its other weights are 0 and stay so.
    A is told by a weight, and so is nothing that a program is compiled for.

    Parameters
    ----------
    **arguments
        Those of `M2`; columns of x must be independent given h.

    Attributes
    ----------
    there : keras.Variable [D]
        1 for the columns that are there, else 0.
    """

    __signature__ = ARGUMENTS  # of which `get_config` tells the values
    there: Any = None  # a keras.Variable once it is made

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.there = self.add_weight(name="there", shape=(self.features,), initializer="ones", trainable=False)

    @classmethod
    def of(cls, model: M2, features: int) -> PaddedM2:
        """Return a model of this many columns with the weights of an M2 of fewer."""
        padded = cls(**_arguments(model) | {"features": features})
        padded.there.assign(np.arange(features) < model.features)
        padded.take(model)
        return padded

    def reset(self, rng: np.random.Generator) -> None:
        """See `Model.reset`: those of an M2 of A columns."""
        if self.there is None:  # while it is made
            super().reset(rng)
            return
        unpadded = M2(**_arguments(self) | {"features": int(np.sum(self.there))})
        unpadded.reset(rng)
        self.take(unpadded)

    def take(self, model: M2) -> None:
        """Take the weights of an M2 of A columns."""
        for own, other in self._pairs(model):
            whole = np.zeros(own.shape, np.float32)
            whole[self._places(own, other)] = np.array(other)
            own.assign(whole)

    def give(self, model: M2) -> None:
        """Give an M2 of A columns the weights."""
        for own, other in self._pairs(model):
            other.assign(np.array(own)[self._places(own, other)])

    def _pairs(self, model: M2) -> list[tuple[keras.Variable, keras.Variable]]:
        own = [weight for weight in self.weights if weight is not self.there]
        return list(zip(own, model.weights, strict=True))

    def _places(self, own: keras.Variable, other: keras.Variable) -> tuple[np.ndarray, ...]:
        """Return where the numbers of a weight of fewer columns are; an axis may have several numbers a column."""
        there = np.array(self.there) > 0.0
        axes = (
            np.arange(wide) if wide == narrow else np.flatnonzero(np.tile(there, wide // len(there)))
            for wide, narrow in zip(own.shape, other.shape, strict=True)
        )
        return np.ix_(*axes)

    def joint(self, y: tf.Tensor | None = None) -> Conditionals:
        """See `HasDensity`: p(z) and p(x | y, z) of the columns that are there."""
        found = super().joint(y)
        return {**found, "x": lambda v: Masked(given(found["x"], v), tf.convert_to_tensor(self.there))}


def _arguments(model: M2) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ARGUMENTS.parameters if name != "kwargs"}
