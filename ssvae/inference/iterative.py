"""Iterative inference: a learnt network takes λ and what the bound says there, and gives better λ.

References
----------
Iterative Amortized Inference (Marino, Yue and Mandt, 2018), algorithm 1 and §4. Two things differ from the released
code: gradients are each row's own, not the batch mean's, and are normalised within a row, not over the batch, so that a
row's posterior does not depend on its batch mates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from ssvae import noise
from ssvae.inference.base import Inference, Training
from ssvae.inference.encodings import clues
from ssvae.inference.refining import Found, Refining
from ssvae.inference.surface import Surface, held, lesson
from ssvae.models.base import Parameters
from ssvae.networks.update import GATES, WIDTHS

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
    hidden : sequence of int
    activation, skip : str
        Of f_φ (`networks.mlp`).
    gate : "residual", "highway" or "none"
        How f_φ's proposal and λ_t make λ_{t+1} (`networks.update.Update`); the paper has "highway".
    """

    start: str = "encoder"
    encodings: Sequence[str] = ("data", "log_sign", "parameters")
    hidden: Sequence[int] = (512, 512)
    activation: str = "elu"
    skip: str = "highway"
    gate: str = "residual"

    def __post_init__(self) -> None:
        """Check the numbers and words."""
        super().__post_init__()
        self._one_of("start", STARTS)
        self._one_of("gate", GATES)
        for argument in ("encodings", "hidden"):  # a list from YAML would have no hash
            object.__setattr__(self, argument, tuple(getattr(self, argument)))
        unknown = [encoding for encoding in self.encodings if encoding not in WIDTHS]
        if unknown or not set(self.encodings) - {"data"}:
            raise ValueError(
                f"encodings of iterative must be of {list(WIDTHS)}, at least one beside 'data', got "
                f"{list(self.encodings)}"
            )
        if self.refine_at == "predict":
            raise ValueError(
                "refine_at='predict' would leave the update network untaught: 'both', or 'gradient_refined'"
            )
        if self.start == "prior" and (self.refine_at == "fit" or not self.steps or self.test_steps == 0):
            raise ValueError("start='prior' needs refine_at='both' and steps and test_steps >= 1: nothing else finds λ")

    @property
    def update(self) -> Mapping[str, Any]:  # type: ignore[override]
        """See `Inference.update`."""
        return {name: getattr(self, name) for name in ("encodings", "hidden", "activation", "skip", "gate")}

    def beginning(self) -> tuple[float, Inference]:
        """See `Inference.beginning`."""
        return self.warm_start, replace(self, steps=0, warm_start=0.0, start="encoder")

    def start_at(self, part: Any, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """See `Refining.start_at`."""
        return part.encode(x, y) if self.start == "encoder" else part.nothing_known(x, y)

    def find(self, surface: Surface, start: Parameters, steps: int, seed: tf.Tensor, training: Training) -> Found:
        """See `Refining.find`."""
        networks = getattr(surface.model, "updates", None)
        if not networks:
            raise ValueError(
                f"inference 'iterative' needs update networks: {type(surface.model).__name__}(update={{...}})"
            )
        known = {name: network.prepare(*self._still(surface, name)) for name, network in networks.items()}
        taught, learnt = 0, tf.constant(0.0)
        parameters = start
        for step in range(steps):
            at, key = held(parameters), noise.fold(seed, step)
            slope = surface.slope(at, key)[1]
            if training is not False and (step or self.start == "encoder"):
                taught, learnt = taught + 1, learnt + lesson(parameters, slope)
            told = clues(surface, at, held(slope), key, self.encodings)
            parameters = {name: networks[name](known[name], tf.stop_gradient(told[name]), at[name]) for name in at}
        if training is False:
            return Found(parameters)
        share = 1.0 / (taught + 1)
        return Found(
            {name: share * v + (1.0 - share) * tf.stop_gradient(v) for name, v in parameters.items()}, share * learnt
        )

    def _still(self, surface: Surface, name: str) -> list[tf.Tensor]:
        """Return the inputs that are the same at every step: the data, at the bottom level, and the class."""
        bottom = name == next(iter(surface.model.updates))
        data = [surface.model.likelihood.inputs(surface.x)] if bottom and "data" in self.encodings else []
        return [*data, *([] if surface.y is None else [surface.y])]
