"""The contract of an inference method: a lower bound of log p(x | y).

``inference.bound(model, x, y, gradient, seed, training) -> [..., B]``, in nats; like a gradient estimator's expectation
it is one tensor, read for its value and differentiated for its gradient. A method implements `_bound`, which receives
these arguments as one record. ``inference.infer(part, x, y, seed)`` are the λ that it finds outside training, which
latents, classes and pictures are read from.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import tensorflow as tf

from ssvae.gradients.base import Gradient
from ssvae.models.capabilities import HasDensity, Infer, Parameters
from ssvae.registry import Component

if TYPE_CHECKING:
    from ssvae.inference.refinement_objective import RefinementObjective

# Outside training False; in training the share of the steps that are done, or True.
Training: TypeAlias = bool | tf.Tensor


class BoundArguments(NamedTuple):
    """What a bound is of, and how it is estimated."""

    model: HasDensity
    x: tf.Tensor  # [B, D]
    y: tf.Tensor | None  # [..., B or 1, K] one-hot; None for a model without classes
    gradient: Gradient  # how the expectation over z is estimated and differentiated
    seed: tf.Tensor  # [2] int32
    training: Training = False


class Inference(Component):
    """A way to find q(z | x, y) and the bound that goes with it.

    Attributes
    ----------
    kl_warm_up : float
        Share of the training steps over which the weight of −KL rises from 0 to 1.
    start : "encoder" or "prior"
        Where λ comes from, or from where it is refined.
    """

    kl_warm_up: float = 0.0
    start: str = "encoder"

    @property
    def update(self) -> Mapping[str, object] | None:
        """Settings of the update networks that iterative inference learns, for the models' argument `update`."""
        return None

    def warm_up(self) -> tuple[float, Inference]:
        """Return the share of the training that begins with another method, and that method; by default none."""
        return 0.0, self

    def refinement_steps(self, training: bool) -> int:
        """Return how many steps refine λ, in training or outside; by default none."""
        del training
        return 0

    def initial_parameters(self, part: HasDensity, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """Return λ before any refinement; by default the recognition network's output."""
        return part.encode(x, y)

    def refinement_path(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor
    ) -> Iterator[Parameters]:
        """Yield λ_1, …, λ_T of a refinement from λ_0 outside training; by default none."""
        del objective, start, steps, seed
        return iter(())

    def infer(self, part: HasDensity, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor) -> Parameters:
        """Return λ of a part of a model outside training: here, the recognition network's output."""
        del seed
        return part.encode(x, y)

    def parameters(self, model: HasDensity, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor) -> Parameters:
        """Return λ of a whole model outside training."""
        return model.recognise(x, y, self.at(seed))

    def at(self, seed: tf.Tensor) -> Infer:
        """Return `infer` with its seed, as the methods of models take it."""
        return lambda part, x, y: self.infer(part, x, y, seed)

    def bound(
        self,
        model: HasDensity,
        x: tf.Tensor,
        y: tf.Tensor | None,
        gradient: Gradient,
        seed: tf.Tensor,
        training: Training = False,
    ) -> tf.Tensor:
        """Return a lower bound of log p(x | y), [..., B], nats; the arguments are those of `BoundArguments`."""
        return self._bound(BoundArguments(model, x, y, gradient, seed, training))

    @abstractmethod
    def _bound(self, arguments: BoundArguments) -> tf.Tensor:
        """Return a lower bound of log p(x | y), [..., B], nats."""
