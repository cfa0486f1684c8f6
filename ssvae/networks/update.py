"""Update networks of iterative inference, and the widths of their inputs.

References
----------
Iterative Amortized Inference (Marino, Yue and Mandt, 2018), §4 and the released code: gated update, encodings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ssvae.networks.layer import Layer
from ssvae.networks.mlp import MLP

# Encoding -> its width for a latent of width Z above something of width D. "data" is what lies below the latent.
WIDTHS = {
    "data": lambda latent, below: below,
    "parameters": lambda latent, below: 2 * latent,
    "gradient": lambda latent, below: 2 * latent,
    "log_sign": lambda latent, below: 4 * latent,
    "natural_gradient": lambda latent, below: 2 * latent,
    "normalized_gradient": lambda latent, below: 2 * latent,
    "errors": lambda latent, below: latent + below,
    "normalized_errors": lambda latent, below: latent + below,
}

GATES = ("residual", "highway", "none")


@keras.saving.register_keras_serializable("ssvae")
class Update(Layer):
    """λ_{t+1} = λ_t + g ⊙ u, or g ⊙ λ_t + (1 − g) ⊙ u, where (u, logit g) = MLP(inputs at λ_t).

    The first, "residual", starts with u = 0 and changes λ no more than it has learnt to. The second, "highway", is the
    paper's; from a fair λ_0 its gate soon learns to stay shut, and then learns no more.

    Parameters
    ----------
    latent : int
        Z.
    still : sequence of int
        Widths of the inputs that are the same at every step (the data, the class); their part of the first layer is
        computed once.
    moving : int
        Width of the others, side by side.
    hidden : sequence of int
    activation, skip : str
        As in `MLP`.
    gate : "residual", "highway" or "none"
        "none": λ_{t+1} = u.
    """

    def __init__(
        self,
        latent: int,
        still: Sequence[int],
        moving: int,
        hidden: Sequence[int],
        activation: str = "elu",
        skip: str = "highway",
        gate: str = "residual",
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.latent, self.still, self.moving, self.hidden = latent, tuple(still), moving, tuple(hidden)
        self.activation, self.skip, self.gate = activation, skip, gate
        gates = 0 if gate == "none" else 2 * latent  # these come first, so that u can be the outputs that start at 0
        zeros = 2 * latent if gate == "residual" else 0
        inputs, outputs = [*self.still, moving], gates + 2 * latent
        self.network = MLP(inputs, self.hidden, outputs, activation, zero_outputs=zeros, skip=skip, name="network")
        self.built = True

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the weights again."""
        self.network.reset(rng)

    def prepare(self, *still: tf.Tensor) -> tf.Tensor:
        """Return what the inputs that stay add to the first layer."""
        parts = (self.network.first_part(position, x) for position, x in enumerate(still))
        return sum(parts, tf.constant(0.0))  # a tensor also where nothing stays: Keras refuses numbers in a call

    def call(self, known: tf.Tensor, moving: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
        """Return λ_{t+1} for `prepare`'s result, the moving inputs [..., B, moving] and λ_t [..., B, 2Z]."""
        h = self.network.rest(known + self.network.first_part(len(self.still), moving))
        if self.gate == "none":
            return h
        gate, proposal = tf.split(h, 2, axis=-1)
        if self.gate == "residual":
            return parameters + tf.sigmoid(gate) * proposal
        return parameters + tf.sigmoid(-gate) * (proposal - parameters)

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        names = ("latent", "still", "moving", "hidden", "activation", "skip", "gate")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class Level(NamedTuple):
    """A latent, as its update network must know it."""

    latent: int  # its width, Z
    below: int  # width of what it generates
    hidden: Sequence[int]  # widths of the recognition network's hidden layers


def updates(settings: Mapping[str, Any] | None, levels: Mapping[str, Level], classes: int = 0) -> dict[str, Update]:
    """Return the update network of each latent; none without settings.

    Parameters
    ----------
    settings : Mapping or None
        ``encodings`` and the arguments of `Update` that are not widths; ``hidden`` may be None, for the level's own.
    levels : Mapping of str to Level
        Bottom first.
    classes : int
        K, where the posterior depends on the class.
    """
    made = {}
    for position, (name, level) in enumerate(levels.items() if settings else ()):
        others = dict(settings or {})
        widths = {e: WIDTHS[e](level.latent, level.below) for e in others.pop("encodings")}
        data = [widths.pop("data")] if "data" in widths and not position else []  # upper levels see what moves below
        still = [*data, *([classes] if classes else [])]
        if others.get("hidden") is None:
            others["hidden"] = level.hidden
        made[name] = Update(level.latent, still, sum(widths.values()), **others, name=f"update_{name}")
    return made
