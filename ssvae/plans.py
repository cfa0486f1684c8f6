"""How long and how fast each stage trains: what the user said, else what the rows suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssvae.training import Plan

EPOCHS_OF_SMALL_DATA = 200  # passes over data sets of up to a few thousand rows
MOST_STEPS = {"m1": 12_000, "m2": 12_000}  # steps that "auto" spends on a stage of larger ones


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


def plan(
    stage: str, labelled: int, unlabelled: int, epochs: Any, batch_size: Any, learning_rate: Any
) -> Plan:
    """Return the plan of one stage with `labelled` and `unlabelled` rows.

    Parameters
    ----------
    stage : str
    labelled, unlabelled : int
        Rows of the two streams.
    epochs : "auto", int or dict by stage
    batch_size : int or dict by stage
        Rows a step of the unlabelled stream (of the labelled one where it is alone).
    learning_rate : float or dict by stage
    """
    size = int(of_stage(batch_size, stage, "batch_size"))
    steps = -(-(unlabelled or labelled) // size)
    wanted = of_stage(epochs, stage, "epochs")
    if wanted == "auto":
        most = MOST_STEPS.get(stage, 12_000)
        wanted = max(1, min(EPOCHS_OF_SMALL_DATA, most // steps))
    return Plan(
        epochs=int(wanted),
        batch_size=size,
        labelled_batch_size=size,
        learning_rate=float(of_stage(learning_rate, stage, "learning_rate")),
        warm_up=0.05,
        clip_norm=10.0,
    )
