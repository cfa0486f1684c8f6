"""The prior over classes p(y)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from ssvae.networks.layer import Layer


@keras.saving.register_keras_serializable("ssvae")
class ClassPrior(Layer):
    """log p(y) of K classes: uniform, given, or learned from a uniform start.

    Parameters
    ----------
    classes : int
        K.
    prior : "uniform", "learned" or sequence of K numbers
        Given numbers are normalised to sum to one.

    Raises
    ------
    ValueError
        If `prior` is another word, or its numbers are not K positive ones.
    """

    def __init__(self, classes: int, prior: str | Sequence[float] = "uniform", **kwargs: object) -> None:
        super().__init__(**kwargs)
        numbers = not isinstance(prior, str) and np.ndim(prior) == 1 and np.asarray(prior).dtype.kind in "iuf"
        if not numbers and prior not in ("uniform", "learned"):
            raise ValueError(f"prior must be 'uniform', 'learned' or {classes} numbers, got {prior!r}")
        if numbers and (len(prior) != classes or not np.all(np.asarray(prior) > 0)):
            raise ValueError(f"prior needs {classes} positive numbers, one a class, got {list(prior)}")
        self.classes, self.prior = classes, prior
        self.logits = self.add_weight(
            name="logits", shape=(classes,), initializer="zeros", trainable=not numbers and prior == "learned"
        )
        self.built = True

    def reset(self, rng: np.random.Generator) -> None:
        """Go back to the start: the given numbers, or uniform."""
        del rng
        given = np.zeros(self.classes) if isinstance(self.prior, str) else np.log(np.asarray(self.prior, float))
        self.logits.assign(given.astype(np.float32))

    def log_probabilities(self) -> tf.Tensor:
        """Return log p(y), [K], nats."""
        return tf.nn.log_softmax(tf.convert_to_tensor(self.logits))

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        return {**super().get_config(), "classes": self.classes, "prior": self.prior}
