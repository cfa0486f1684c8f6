"""Numbers that are the same for all rows: learnt, or taken from the data."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from ssvae.networks.layer import Layer


@keras.saving.register_keras_serializable("ssvae")
class Constant(Layer):
    """A vector that starts at 0.

    Parameters
    ----------
    width : int
    learned : bool
        Whether it is learnt with the other weights. Otherwise it is what `set` stores, and `reset` leaves it as it is.
    """

    def __init__(self, width: int, learned: bool = True, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.width, self.learned = width, learned
        self.value = self.add_weight(name="value", shape=(width,), initializer="zeros", trainable=learned)
        self.built = True

    def reset(self, rng: np.random.Generator) -> None:
        """Go back to 0, if it is learnt."""
        del rng
        if self.learned:
            self.set(np.zeros(self.width))

    def set(self, value: np.typing.ArrayLike) -> None:
        """Take other numbers, [width]."""
        self.value.assign(np.asarray(value, np.float32))

    def read(self) -> tf.Tensor:
        """Return the vector, [width]."""
        return tf.convert_to_tensor(self.value)

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        return {**super().get_config(), "width": self.width, "learned": self.learned}
