"""What the inference methods that improve λ step by step have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import tensorflow as tf

from ssvae.backend import random
from ssvae.gradients.base import Gradient
from ssvae.inference.base import Inference, Training, elbo, temper
from ssvae.inference.surface import Surface
from ssvae.models.base import Parameters
from ssvae.relaxations import Rule, straight_through
from ssvae.settings.checks import whole

PLACES = ("both", "fit", "predict")


class Found(NamedTuple):
    """The λ that a refinement ends with, and what its networks learn from it."""

    parameters: Parameters
    lesson: tf.Tensor | float = 0.0  # [..., B], value 0: its gradient is that of the networks that find λ


@dataclass(frozen=True)
class Refining(Inference):
    """λ_0 from the recognition network, λ_T after T steps.

    In M1, and in the M1 of a stack, the refined means are the latents that feed the classifier. In M2, whose q(y | x)
    is a network of x alone, refinement acts on the class by p(y) exp(bound(x | y)): `predict_proba` with via="bayes".

    Parameters
    ----------
    steps : int
        T in training; 0 is amortised inference.
    samples : int
        S, draws of z a row and step in training; an even number, so that they come in antithetic pairs, is better.
    test_steps, test_samples : int, optional
        The same outside training; None: as in training.
    refine_at : "both", "fit" or "predict"
        Where to refine; elsewhere T is 0.
    warm_start : float
        Share of the training that is amortised before refinement begins, so that it starts from a fair posterior.
    kl_warm_up : float
        Share of the training steps over which the weight of −KL rises from 0 to 1.
    """

    steps: int = 5
    samples: int = 2
    test_steps: int | None = None
    test_samples: int | None = 10
    refine_at: str = "both"
    warm_start: float = 0.25
    kl_warm_up: float = 0.5

    def __post_init__(self) -> None:
        """Check the numbers."""
        for argument, least in (("steps", 0), ("samples", 1), ("test_steps", 0), ("test_samples", 1)):
            value = getattr(self, argument)
            if value is None and argument.startswith("test"):
                continue
            whole(f"{argument} of {type(self).__name__}", value, least)
        self._one_of("refine_at", PLACES)
        self._share("warm_start")
        self._share("kl_warm_up")

    def _share(self, argument: str) -> None:
        if not 0.0 <= getattr(self, argument) <= 1.0:
            raise ValueError(f"{argument} must be in [0, 1], got {getattr(self, argument)!r}")

    def _one_of(self, argument: str, allowed: tuple[str, ...]) -> None:
        if getattr(self, argument) not in allowed:
            raise ValueError(f"{argument} must be one of {list(allowed)}, got {getattr(self, argument)!r}")

    def steps_at(self, training: bool) -> int:
        """Return T in training or outside."""
        if self.refine_at == ("predict" if training else "fit"):
            return 0
        return self.steps if training or self.test_steps is None else self.test_steps

    def beginning(self) -> tuple[float, Inference]:
        """See `Inference.beginning`: amortised."""
        return self.warm_start, replace(self, steps=0, warm_start=0.0)

    def rule(self) -> Rule:
        """Return how the slope passes binary latents (`ssvae.relaxations`)."""
        return straight_through

    @abstractmethod
    def find(self, surface: Surface, start: Parameters, steps: int, seed: tf.Tensor, training: Training) -> Found:
        """Climb from λ_0 for T >= 1 steps."""

    @abstractmethod
    def walk(self, surface: Surface, start: Parameters, steps: int, seed: tf.Tensor) -> Iterator[Parameters]:
        """Yield λ_1, …, λ_T of a climb outside training, before any of it is judged."""

    def start_at(self, part: Any, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """Return λ_0."""
        return part.encode(x, y)

    def infer(self, part: Any, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor) -> Parameters:
        """See `Inference.infer`: λ_T, the same for a row wherever it stands."""
        return self._refined(part, x, y, seed, False, 1.0).parameters

    def bound(
        self,
        model: Any,
        x: tf.Tensor,
        y: tf.Tensor | None,
        gradient: Gradient,
        seed: tf.Tensor,
        training: Training = False,
    ) -> tf.Tensor:
        """See `Inference.bound`."""
        lessons, weight = [], temper(self.kl_warm_up, training)

        def infer(part: Any, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
            found = self._refined(part, x, y, random.fold(seed, 1 << 17), training, weight)
            lessons.append(found.lesson)
            return found.parameters

        parameters = model.recognise(x, y, infer)
        return elbo(model, parameters, x, y, gradient, seed, training, self.kl_warm_up) + sum(lessons)

    def _refined(self, part, x, y, seed, training, weight):  # type: ignore[no-untyped-def]
        steps = self.steps_at(training is not False)
        start = self.start_at(part, x, y)
        if not steps:
            return Found(start)
        samples = self.samples if training is not False or self.test_samples is None else self.test_samples
        surface = Surface(part, x, y, samples, weight, training is False, self.rule())
        return self.find(surface, start, steps, seed, training)
