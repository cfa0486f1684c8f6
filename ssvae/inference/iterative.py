"""Iterative inference: a learnt network proposes better λ from λ, the bound's gradient there and the data.

References
----------
Iterative Amortized Inference (Marino, Yue and Mandt, 2018), algorithm 1 and §4. Two things differ from the released
code: gradients are each row's own, not the batch mean's, and are normalised within a row, not over the batch, so that a
row's posterior does not depend on its batch mates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.surrogates import detached
from ssvae.inference.base import Inference, Training
from ssvae.inference.encodings import update_inputs
from ssvae.inference.refinement_objective import RefinementObjective, surrogate
from ssvae.inference.refining import Refined, Refining
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.networks.update import GATES, WIDTHS, Update
from ssvae.networks.widths import sizes
from ssvae.settings.checks import one_of

STARTS = ("encoder", "prior")


@dataclass(frozen=True)
class Iterative(Refining):
    """λ_{t+1} = f_φ(λ_t, ∇_λ ELBO(λ_t) or errors, x): `networks.update`, one network a latent.

    Gradients do not pass from one step to another. The networks that find λ learn from the mean over the steps of
    ∇_λ ELBO(λ_t), the decoder from the ELBO at λ_T. T may be another one at test time.

    Parameters
    ----------
    start : "encoder" or "prior"
        λ_0: the recognition network's output, which learns with the other steps; or the prior (the paper).
    encodings : sequence of str
        What f_φ sees: "data" (x; above the first level the values below), "parameters" (λ_t), "gradient",
        "natural_gradient" (σ² ∂/∂μ, ∂/∂log σ²), "log_sign" (log|∇| and its sign), "normalized_gradient" (mean 0 and
        s.d. 1 within a row), "errors" (x − E[x | z] and z − E_p[z]), "normalized_errors" (the same over the variances).
    hidden : int or sequence of int, optional
        Hidden widths of f_φ; by default those of the recognition network.
    activation, skip : str
        Of f_φ (`networks.mlp`).
    gate : "residual", "highway" or "none"
        How f_φ's proposal and λ_t make λ_{t+1} (`networks.update.Update`); the paper has "highway".
    """

    start: str = "encoder"
    encodings: Sequence[str] = ("data", "log_sign", "parameters")
    hidden: int | Sequence[int] | None = None
    activation: str = "elu"
    skip: str = "highway"
    gate: str = "residual"
    most_steps: ClassVar[int] = 1000  # each is written out in the compiled program

    def __post_init__(self) -> None:
        """Check the numbers and words."""
        super().__post_init__()
        one_of("start", self.start, STARTS)
        one_of("gate", self.gate, GATES)
        given = list(self.encodings) if isinstance(self.encodings, list | tuple) else []
        if not set(given) - {"data"} or not set(given) <= set(WIDTHS) or len(set(given)) < len(given):
            raise ValueError(
                f"encodings of iterative must be different ones of {list(WIDTHS)}, at least one beside 'data', got "
                f"{self.encodings!r}"
            )
        object.__setattr__(self, "encodings", tuple(given))  # a list from YAML would have no hash
        object.__setattr__(self, "hidden", None if self.hidden is None else sizes(self.hidden))
        if self.refine_at == "predict":
            raise ValueError(
                "refine_at='predict' would leave the update network untrained: 'both', or 'gradient_refined'"
            )
        if self.start == "prior" and (self.refine_at == "fit" or not self.steps or self.test_steps == 0):
            raise ValueError(
                "start='prior' needs refine_at='both' and steps and test_steps >= 1, because nothing else finds λ; got "
                f"refine_at={self.refine_at!r}, steps={self.steps!r}, test_steps={self.test_steps!r}"
            )

    @property
    def update(self) -> Mapping[str, object]:
        """See `Inference.update`."""
        return {name: getattr(self, name) for name in ("encodings", "hidden", "activation", "skip", "gate")}

    def warm_up(self) -> tuple[float, Inference]:
        """See `Inference.warm_up`."""
        return self.warm_start, replace(self, steps=0, warm_start=0.0, start="encoder")

    def initial_parameters(self, part: HasDensity, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """See `Inference.initial_parameters`."""
        _networks(part)  # also where no step is taken: the first epochs are amortised, and the error would come late
        return part.encode(x, y) if self.start == "encoder" else part.prior_parameters(x, y)

    def refine(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor, training: Training
    ) -> Refined:
        """See `Refining.refine`."""
        count, total = 0, tf.constant(0.0)
        parameters = start
        for gradient, following in self._visits(objective, start, steps, seed):
            if training is not False and (parameters is not start or self.start == "encoder"):
                count, total = count + 1, total + surrogate(parameters, gradient)
            parameters = following
        if training is False:
            return Refined(parameters)
        share = 1.0 / (count + 1)
        last = {name: share * value + (1.0 - share) * tf.stop_gradient(value) for name, value in parameters.items()}
        return Refined(last, share * total)

    def refinement_path(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor
    ) -> Iterator[Parameters]:
        """See `Inference.refinement_path`."""
        for _, parameters in self._visits(objective, start, steps, seed):
            yield parameters

    def _visits(
        self, objective: RefinementObjective, start: Parameters, steps: int, seed: tf.Tensor
    ) -> Iterator[tuple[Parameters, Parameters]]:
        """Yield ∇_λ at λ_t, which is detached, and λ_{t+1}."""
        networks = _networks(objective.model)
        fixed = {name: network.prepare(*self._fixed(objective, name)) for name, network in networks.items()}
        parameters = start
        for step in range(steps):
            at, key = detached(parameters), random.fold(seed, step)
            gradient = objective.value_and_gradient(at, key)[1]
            seen = update_inputs(objective, at, detached(gradient), key, self.encodings)
            parameters = {name: networks[name](fixed[name], tf.stop_gradient(seen[name]), at[name]) for name in at}
            yield gradient, parameters

    def _fixed(self, objective: RefinementObjective, name: str) -> list[tf.Tensor]:
        """Return the inputs that are the same at every step: the data, at the bottom level, and the class."""
        bottom = name == next(iter(objective.model.updates))
        data = [objective.model.likelihood.inputs(objective.x)] if bottom and "data" in self.encodings else []
        return [*data, *([] if objective.y is None else [objective.y])]


def _networks(part: HasDensity) -> Mapping[str, Update]:
    if part.binary:
        raise ValueError(
            "inference 'iterative' is for continuous latents, and those of this model are binary: use "
            "'gradient_refined' or 'importance_refined'"
        )
    if not part.updates:
        name = type(part).__name__
        raise ValueError(
            f"inference 'iterative' needs update networks, and this {name} was made without: fit with "
            f"inference='iterative' and the model by its name, or pass {name}(..., update=Iterative(...).update)"
        )
    return part.updates
