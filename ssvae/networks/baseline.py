"""Baselines of score-function gradients: learnt means and scales of their learning signals.

References
----------
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §2.3 and algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ssvae.backend import engine, replica_context
from ssvae.networks.layer import Layer
from ssvae.networks.mlp import MLP


@keras.saving.register_keras_serializable("ssvae")
class Baseline(Layer):
    """Of one latent: C_ψ of what its q depends on, and running mean c and variance v of the signal less C_ψ.

    Parameters
    ----------
    inputs : sequence of int
        Widths of what q of the latent depends on.
    hidden : sequence of int
        Hidden widths of C_ψ, with tanh.
    momentum : float
        Share of c and v that stays after a step.
    """

    def __init__(
        self, inputs: Sequence[int], hidden: Sequence[int] = (100,), momentum: float = 0.8, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.inputs, self.hidden, self.momentum = tuple(inputs), tuple(hidden), momentum
        self.network = MLP(self.inputs, self.hidden, 1, "tanh", zero_outputs=1, name="network")
        self.mean, self.variance, self.steps = (
            self.add_weight(name=name, shape=(1,), initializer="zeros", trainable=False)
            for name in ("mean", "variance", "steps")
        )
        self.built = True

    def reset(self, rng: np.random.Generator) -> None:
        """Draw C_ψ again, and start c and v from 0."""
        self.network.reset(rng)
        for seen in (self.mean, self.variance, self.steps):
            seen.assign(np.zeros(1, np.float32))

    def call(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return C_ψ [..., B] of one tensor [..., B, width] an input; it starts at 0."""
        return self.network(*inputs)[..., 0]

    def moments(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return c and v as they were before this step, [] each; 0 and 1 before the first."""
        mean, variance, steps = (tf.convert_to_tensor(seen)[0] for seen in (self.mean, self.variance, self.steps))
        return mean, tf.where(steps > 0.0, variance, 1.0)

    def learn(self, signal: tf.Tensor) -> None:
        """Move c and v towards the mean and variance of a step's signals; early steps count alike."""
        if not engine.current().training:
            return
        mean, variance = replica_context.moments(tf.stop_gradient(signal), list(range(len(signal.shape))))
        steps = tf.convert_to_tensor(self.steps) + 1.0
        rate = tf.maximum(1.0 - self.momentum, 1.0 / steps)
        for seen, now in ((self.mean, mean), (self.variance, variance)):
            before = tf.convert_to_tensor(seen)
            seen.assign(before + rate * (now - before))
        self.steps.assign(steps)

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        own = {"inputs": self.inputs, "hidden": self.hidden, "momentum": self.momentum}
        return {**super().get_config(), **own}


def baselines(settings: Mapping[str, Any] | None, inputs: Mapping[str, Sequence[int]]) -> dict[str, Baseline]:
    """Return the baseline of each latent, by the widths of what its q depends on; none without settings."""
    if settings is None:
        return {}
    return {name: Baseline(widths, **settings, name=f"baseline_{name}") for name, widths in inputs.items()}
