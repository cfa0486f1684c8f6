"""`Layer`, the base of the networks: float32 whatever Keras' global precision is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import keras

_left: ContextVar[list[int] | None] = ContextVar("weights", default=None)  # how many more numbers may be made


@contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """Refuse weights of more numbers than this in all, before they are made, while the `with` block runs."""
    token = _left.set([numbers])
    try:
        yield
    finally:
        _left.reset(token)


class Layer(keras.layers.Layer):
    """A Keras layer whose weights and sums are float32.

    Bounds of log p need float32, and a trained network must compute the same wherever it is loaded, so that neither
    ``keras.mixed_precision.set_global_policy`` nor ``keras.config.set_floatx`` changes a network; the argument
    `precision` of `ssvae.SSVAEClassifier` does.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def add_weight(self, name: str, shape: Sequence[int], **kwargs: object) -> keras.Variable:
        """See Keras.

        Raises
        ------
        ValueError
            If there are more weights than `at_most` allows.
        """
        left = _left.get()
        if left is not None:
            left[0] -= math.prod(shape)
            if left[0] < 0:
                raise ValueError(f"weight {name!r} of shape {tuple(shape)} is more than there is")
        return super().add_weight(name=name, shape=tuple(shape), **kwargs)
