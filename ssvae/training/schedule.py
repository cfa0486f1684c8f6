"""How long and how fast each stage trains: what the user said, else what the rows suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ssvae.models.base import Stage

STEPS_A_ROW = 1.2  # that epochs="auto" spends on small data, within `Model.auto_steps`, so that it takes seconds there
WARM_UP = 0.05  # share of the steps over which the learning rate rises


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

    def rates(self, steps: np.ndarray, total: int) -> np.ndarray:
        """Return the learning rate of each of these steps, of `total`: linear warm-up, then half a cosine to zero."""
        if self.warm_up is None:
            return np.full(len(steps), self.learning_rate)
        warm = max(1.0, self.warm_up * total)
        return self.learning_rate * np.minimum((steps + 1) / warm, 1.0) * 0.5 * (1.0 + np.cos(np.pi * steps / total))


def of_stage(value: Any, stage: str, argument: str) -> Any:
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


def plan(stage: Stage, labelled: int, unlabelled: int, estimator: Any) -> Schedule:
    """Return the plan of one stage with `labelled` and `unlabelled` rows, from the estimator's arguments."""
    name, (fewest, most) = stage.name, stage.model.auto_steps
    size = int(of_stage(estimator.batch_size, name, "batch_size"))
    labelled_size = of_stage(estimator.labeled_batch_size, name, "labeled_batch_size") or size
    steps = -(-unlabelled // size) or -(-labelled // int(labelled_size))
    wanted = of_stage(estimator.epochs, name, "epochs")
    if wanted == "auto":
        wanted = -(-min(most, max(fewest, STEPS_A_ROW * (labelled + unlabelled))) // steps)
    return Schedule(
        epochs=int(wanted),
        batch_size=size,
        labelled_batch_size=int(labelled_size),
        learning_rate=float(of_stage(estimator.learning_rate, name, "learning_rate")),
        warm_up=WARM_UP if estimator.schedule == "cosine" else None,
        clip_norm=float(estimator.clip_norm),
        engine=estimator.engine,
        precision=estimator.precision,
    )
