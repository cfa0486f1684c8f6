"""Training schedules: epochs, batch sizes and learning rates of each stage, as given or by the number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, Self, TypeAlias, TypeVar

import numpy as np

from ssvae.models.base import Stage

Value = TypeVar("Value")
Epochs: TypeAlias = int | Literal["auto"]
STEPS_A_ROW = 1.2  # that epochs="auto" spends on small data, within `Model.auto_steps`, so that it takes seconds there
WARM_UP = 0.05  # share of the steps over which the learning rate rises


@dataclass(frozen=True)
class TrainingSettings:
    """What training takes from the estimator: its arguments of the same names, which `SSVAEClassifier` explains."""

    epochs: Epochs | Mapping[str, Epochs] = "auto"
    batch_size: int | Mapping[str, int] = 200
    labeled_batch_size: int | Mapping[str, int | None] | None = 100
    learning_rate: float | Mapping[str, float] = 3e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    engine: str = "auto"
    precision: str = "float32"
    clip_norm: float = 10.0  # largest global norm of a gradient
    regularizer_strength: float | Literal["auto"] = "auto"
    labeled_in_unlabeled: bool = False
    early_stopping: Mapping[str, object] | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> Self:
        """Return the settings among an estimator's parameters."""
        own = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in parameters.items() if name in own})  # type: ignore[arg-type]


class Schedule(NamedTuple):
    """How one stage is trained; a pass is over the unlabelled rows where there are any."""

    epochs: int
    batch_size: int  # rows of the unlabelled stream a step
    labelled_batch_size: int
    learning_rate: float  # the peak, where there is a warm-up and then a cosine to zero
    warm_up: float | None  # share of the steps; None: neither warm-up nor cosine
    clip_norm: float  # largest global norm of a gradient
    engine: str = "auto"
    precision: str = "float32"
    strength: float = 1.0  # that the regularizers are multiplied by

    def rates(self, steps: np.ndarray, total: int) -> np.ndarray:
        """Return the learning rate of each of these steps, of `total`: linear warm-up, then half a cosine to zero."""
        if self.warm_up is None:
            return np.full(len(steps), self.learning_rate)
        warm = max(1.0, self.warm_up * total)
        return self.learning_rate * np.minimum((steps + 1) / warm, 1.0) * 0.5 * (1.0 + np.cos(np.pi * steps / total))


def of_stage(value: Value | Mapping[str, Value], stage: str, argument: str) -> Value:
    """Return the value of one stage: `value` itself, or its entry when it is a dict of stages.

    Raises
    ------
    ValueError
        If the dict has no entry for the stage.
    """
    if not isinstance(value, Mapping):
        return value
    if stage not in value:
        raise ValueError(f"{argument} has no entry for stage {stage!r}, only for {sorted(value)}: add one")
    return value[stage]


def plan(stage: Stage, labelled: int, unlabelled: int, settings: TrainingSettings) -> Schedule:
    """Return how a stage with `labelled` and `unlabelled` rows is trained."""
    name, (fewest, most) = stage.name, stage.model.auto_steps
    size = int(of_stage(settings.batch_size, name, "batch_size"))
    labelled_size = int(of_stage(settings.labeled_batch_size, name, "labeled_batch_size") or size)
    epochs: Epochs = of_stage(settings.epochs, name, "epochs")
    if epochs == "auto":
        steps = -(-unlabelled // size) or -(-labelled // labelled_size)
        epochs = int(-(-min(most, max(fewest, STEPS_A_ROW * (labelled + unlabelled))) // steps))
    return Schedule(
        epochs=int(epochs),
        batch_size=size,
        labelled_batch_size=labelled_size,
        learning_rate=float(of_stage(settings.learning_rate, name, "learning_rate")),
        warm_up=WARM_UP if settings.schedule == "cosine" else None,
        clip_norm=float(settings.clip_norm),
        engine=settings.engine,
        precision=settings.precision,
    )
