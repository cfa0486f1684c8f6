"""Base of the inference methods that refine λ step by step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import tensorflow as tf

from ssvae.backend import random, seeds
from ssvae.inference.base import BoundArguments, Inference, Training
from ssvae.inference.evidence import elbo, kl_weight
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.relaxations import Rule, straight_through
from ssvae.settings.checks import one_of, whole

PLACES = ("both", "fit", "predict")
# The most for a row of samples S, and of T S evaluations of the model: more would be a program that does not end.
SAMPLES, EVALUATIONS = 100_000, 1_000_000


class Refined(NamedTuple):
    """The λ that a refinement ends with, and the surrogate term that its networks learn from."""

    parameters: Parameters
    surrogate: tf.Tensor | float = 0.0  # [..., B], value 0: its gradient is that of the networks that find λ


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
    most_steps: ClassVar[int] = 10_000

    def __post_init__(self) -> None:
        """Check the numbers."""
        for argument, least in (("steps", 0), ("samples", 1), ("test_steps", 0), ("test_samples", 1)):
            value = getattr(self, argument)
            if value is None and argument.startswith("test"):
                continue
            most = self.most_steps if argument.endswith("steps") else SAMPLES
            whole(f"{argument} of {type(self).__name__}", value, least, most)
        self._bounded(self.steps, self.samples)
        self._bounded(*(self._outside(argument) for argument in ("steps", "samples")))
        one_of("refine_at", self.refine_at, PLACES)
        self._share("warm_start")
        self._share("kl_warm_up")

    def _outside(self, argument: str) -> int:
        """Return a number as it is outside training."""
        own: int | None = getattr(self, f"test_{argument}")
        within: int = getattr(self, argument)
        return within if own is None else own

    def _bounded(self, steps: int, samples: int) -> None:
        if steps * samples > EVALUATIONS:
            raise ValueError(
                f"{type(self).__name__} would evaluate the model {steps * samples:,} times for each row, in {steps:,} "
                f"steps of {samples:,} samples: take fewer, at most {EVALUATIONS:,} in all"
            )

    def _share(self, argument: str) -> None:
        if not 0.0 <= getattr(self, argument) <= 1.0:
            raise ValueError(f"{argument} must be in [0, 1], got {getattr(self, argument)!r}")

    def refinement_steps(self, training: bool) -> int:
        """See `Inference.refinement_steps`: T."""
        if self.refine_at == ("predict" if training else "fit"):
            return 0
        return self.steps if training else self._outside("steps")

    def warm_up(self) -> tuple[float, Inference]:
        """See `Inference.warm_up`: amortised."""
        return self.warm_start, replace(self, steps=0, warm_start=0.0)

    def rule(self) -> Rule:
        """Return how gradients pass binary latents (`ssvae.relaxations`)."""
        return straight_through

    @abstractmethod
    def refine(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor, training: Training
    ) -> Refined:
        """Refine λ_0 in T >= 1 steps."""

    @abstractmethod
    def refinement_path(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor
    ) -> Iterator[Parameters]:
        """See `Inference.refinement_path`: before λ_T is compared with λ_0."""

    def initial_parameters(self, part: HasDensity, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """See `Inference.initial_parameters`."""
        return part.encode(x, y)

    def infer(self, part: HasDensity, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor) -> Parameters:
        """See `Inference.infer`: λ_T, the same for a row wherever it stands."""
        return self._refined(part, x, y, seed).parameters

    def _bound(self, arguments: BoundArguments) -> tf.Tensor:
        """See `Inference.bound`."""
        model, x, y, _, seed, training = arguments
        surrogates, weight = [], kl_weight(self.kl_warm_up, training)

        def infer(part: HasDensity, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
            found = self._refined(part, x, y, random.fold(seed, seeds.REFINEMENT), training, weight)
            surrogates.append(found.surrogate)
            return found.parameters

        parameters = model.recognise(x, y, infer)
        return elbo(arguments, parameters, self.kl_warm_up) + sum(surrogates)

    def _refined(
        self,
        part: HasDensity,
        x: tf.Tensor,
        y: tf.Tensor | None,
        seed: tf.Tensor,
        training: Training = False,
        weight: tf.Tensor | float = 1.0,
    ) -> Refined:
        steps = self.refinement_steps(training is not False)
        start = self.initial_parameters(part, x, y)
        if not steps:
            return Refined(start)
        samples = self.samples if training is not False else self._outside("samples")
        objective = RefinementObjective(part, x, y, samples, weight, training is False, self.rule())
        return self.refine(objective, start, steps, seed, training)
