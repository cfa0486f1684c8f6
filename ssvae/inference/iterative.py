"""Iterative inference: a learnt network takes λ and what the bound says there, and gives better λ.

References
----------
Iterative Amortized Inference (Marino, Yue and Mandt, 2018), algorithm 1 and §4. Two things differ from the released
code: gradients are each row's own, not the batch mean's, and are normalised within a row, not over the batch, so that a
row's posterior does not depend on its batch mates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from ssvae.backend import random
from ssvae.inference.base import Inference, Training
from ssvae.inference.encodings import clues
from ssvae.inference.refining import Found, Refining
from ssvae.inference.surface import Surface, held, lesson
from ssvae.models.base import Parameters
from ssvae.networks.update import GATES, WIDTHS
from ssvae.networks.widths import sizes

STARTS = ("encoder", "prior")


@dataclass(frozen=True)
class Iterative(Refining):
    """λ_{t+1} = f_φ(λ_t, ∇_λ ELBO(λ_t) or errors, x): `networks.update`, one network a latent.

    Each λ_t is held still before the next step: no gradient passes more than one. The networks that find λ are taught
    by the mean over the steps of ∇_λ ELBO(λ_t), the decoder by the ELBO at λ_T. T may be another one at test time.

    Parameters
    ----------
    start : "encoder" or "prior"
        λ_0: the recognition network's output, which is taught with the other steps; or the prior (the paper).
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

    def __post_init__(self) -> None:
        """Check the numbers and words."""
        super().__post_init__()
        self._one_of("start", STARTS)
        self._one_of("gate", GATES)
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
                "refine_at='predict' would leave the update network untaught: 'both', or 'gradient_refined'"
            )
        if self.start == "prior" and (self.refine_at == "fit" or not self.steps or self.test_steps == 0):
            raise ValueError(
                "start='prior' needs refine_at='both' and steps and test_steps >= 1, because nothing else finds λ; got "
                f"refine_at={self.refine_at!r}, steps={self.steps!r}, test_steps={self.test_steps!r}"
            )

    @property
    def update(self) -> Mapping[str, Any]:  # type: ignore[override]
        """See `Inference.update`."""
        return {name: getattr(self, name) for name in ("encodings", "hidden", "activation", "skip", "gate")}

    def beginning(self) -> tuple[float, Inference]:
        """See `Inference.beginning`."""
        return self.warm_start, replace(self, steps=0, warm_start=0.0, start="encoder")

    def start_at(self, part: Any, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """See `Refining.start_at`."""
        _networks(part)  # also where no step is taken: the first epochs are amortised, and the error would come late
        return part.encode(x, y) if self.start == "encoder" else part.prior_parameters(x, y)

    def find(self, surface: Surface, start: Parameters, steps: int, seed: tf.Tensor, training: Training) -> Found:
        """See `Refining.find`."""
        taught, learnt = 0, tf.constant(0.0)
        parameters = start
        for slope, following in self._visits(surface, start, steps, seed):
            if training is not False and (parameters is not start or self.start == "encoder"):
                taught, learnt = taught + 1, learnt + lesson(parameters, slope)
            parameters = following
        if training is False:
            return Found(parameters)
        share = 1.0 / (taught + 1)
        last = {name: share * value + (1.0 - share) * tf.stop_gradient(value) for name, value in parameters.items()}
        return Found(last, share * learnt)

    def walk(self, surface: Surface, start: Parameters, steps: int, seed: tf.Tensor) -> Iterator[Parameters]:
        """See `Refining.walk`."""
        for _, parameters in self._visits(surface, start, steps, seed):
            yield parameters

    def _visits(
        self, surface: Surface, start: Parameters, steps: int, seed: tf.Tensor
    ) -> Iterator[tuple[Parameters, Parameters]]:
        """Yield ∇_λ at λ_t, which is held, and λ_{t+1}."""
        networks = _networks(surface.model)
        known = {name: network.prepare(*self._still(surface, name)) for name, network in networks.items()}
        parameters = start
        for step in range(steps):
            at, key = held(parameters), random.fold(seed, step)
            slope = surface.slope(at, key)[1]
            told = clues(surface, at, held(slope), key, self.encodings)
            parameters = {name: networks[name](known[name], tf.stop_gradient(told[name]), at[name]) for name in at}
            yield slope, parameters

    def _still(self, surface: Surface, name: str) -> list[tf.Tensor]:
        """Return the inputs that are the same at every step: the data, at the bottom level, and the class."""
        bottom = name == next(iter(surface.model.updates))
        data = [surface.model.likelihood.inputs(surface.x)] if bottom and "data" in self.encodings else []
        return [*data, *([] if surface.y is None else [surface.y])]


def _networks(part: Any) -> Mapping[str, Any]:
    if getattr(part, "binary", False):
        raise ValueError(
            "inference 'iterative' is for continuous latents, and those of this model are binary: use "
            "'gradient_refined' or 'importance_refined'"
        )
    networks = getattr(part, "updates", None)
    if not networks:
        name = type(part).__name__
        raise ValueError(
            f"inference 'iterative' needs update networks, and this {name} was made without: fit with "
            f"inference='iterative' and the model by its name, or pass {name}(..., update=Iterative(...).update)"
        )
    return networks
