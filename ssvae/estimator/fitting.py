"""From rows and pieces to trained weights: the stages of a model, one after another."""

from __future__ import annotations

import hashlib
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np

import ssvae
from ssvae import prediction
from ssvae.distributed.strategy import Places
from ssvae.estimator.arguments import as_json, stored
from ssvae.estimator.components import Components
from ssvae.models.base import Stage
from ssvae.models.capabilities import HasDensity
from ssvae.readers.base import RowSource, row_chunks, take_rows
from ssvae.readers.sparse_table import SparseTable
from ssvae.readers.spilled_rows import SpilledRows
from ssvae.regularizers import REGULARIZERS
from ssvae.regularizers.label_propagation import propagate
from ssvae.regularizers.nearest_neighbors import nearest
from ssvae.training.callback_list import Hooks
from ssvae.training.callbacks import Checkpoint, Progress
from ssvae.training.early_stopping import set_apart
from ssvae.training.loop import train
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.schedule import plan
from ssvae.training.streams import Streams, blocks
from ssvae.training.worker_agreement import SharedCheckpoint, check_same

TOGETHER = 4 * prediction.CHUNK  # rows of a source
RESIDENT = 2**30  # bytes of rows on disk that are read into memory where a regularizer needs all of them


def fresh_seed(random_state: Any) -> int:
    """Return a seed in [0, 2³¹) from an int, a RandomState (which moves on) or None (a new one from the system).

    Raises
    ------
    ValueError
        If it is neither, or the int is below 0.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ValueError(f"random_state must be an int >= 0, a numpy RandomState or None, got {random_state!r}")
    return int(random_state)


def fit_stages(
    estimator: Any, parts: Components, x: np.ndarray, index: np.ndarray, weight: np.ndarray, seed: int, places: Places
) -> dict[str, list[Any]]:
    """Train the model on preprocessed rows x [N, D] with class index [N] (-1: none); return the history."""
    stopping: list[Any] = []
    if estimator.early_stopping is not None:
        learnt, stopping = set_apart(estimator.early_stopping, x, index, seed)
        x, index, weight = take_rows(x, learnt), index[learnt], weight[learnt]
    callbacks = [*stopping, *(estimator.callbacks or ()), *([Progress()] if estimator.verbose else [])]
    fingerprint = _fingerprint(estimator, x, index, weight, seed)
    if places.several:
        check_same(places, fingerprint)
        callbacks = [SharedCheckpoint(own, places) if isinstance(own, Checkpoint) else own for own in callbacks]
    hooks = Hooks(callbacks, fingerprint)
    infer_rows = partial(_parameters, inference=parts.objective.inference)
    for position, stage in enumerate(parts.model.stages(x, infer_rows)):
        stage_seed = int(np.random.SeedSequence([seed, position]).generate_state(1)[0] >> 1)
        stage.model.reset(np.random.default_rng(stage_seed))
        if stage.name in hooks.done:
            stage.model.set_weights(hooks.done[stage.name])
            continue
        streams = _streams(stage, index, estimator.labeled_in_unlabeled)
        rows = _rows(stage, streams, index, weight, parts.objective.regularizers)
        schedule = plan(stage, len(streams.labelled), len(streams.unlabelled), estimator)
        train(stage, parts.objective, rows, streams, schedule, stage_seed, hooks, places)
    return hooks.history


def _parameters(model: Any, x: Any, inference: Any) -> Any:
    """Return λ of the only latent of a part for all rows, [N, 2Z]; of a source in a temporary file, another source."""
    found = partial(prediction.over_rows, model, prediction.parameters, inference=inference)
    if not isinstance(x, RowSource):
        return found(x)
    return SpilledRows(found(x[at : at + TOGETHER]) for at in range(0, len(x), TOGETHER))


def with_all_rows(x: Any, regularizers: tuple[Any, ...]) -> Any:
    """Return rows x [N, D]; of a source, in memory if a regularizer compares each with all others.

    Raises
    ------
    ValueError
        If they are larger than `RESIDENT`.
    """
    names = [REGULARIZERS.name_of(own) for own in regularizers]
    wanting = [
        name for name, own in zip(names, regularizers, strict=True) if own.neighbours or own.needs_propagated_labels
    ]
    if not isinstance(x, RowSource) or not wanting:
        return x
    if x.nbytes <= RESIDENT:
        return x[:]
    raise ValueError(
        f"regularizers {wanting} compare every row with all others, and the rows of {x.name} ({x.nbytes / 2**30:.1f} "
        f"GiB) stay on disk: give regularizers={[name for name in names if name not in wanting]}, or fewer rows"
    )


def _streams(stage: Stage, index: np.ndarray, keep: bool) -> Streams:
    """Return the streams of a stage: without labels every row is unlabelled, without a density none is."""
    every = np.arange(len(index), dtype=np.int32)
    if not stage.labels:
        return Streams(every[:0], every, blocks(stage.rows, every))
    unlabelled = (every if keep else every[index < 0]) if isinstance(stage.model, HasDensity) else every[:0]
    return Streams(every[index >= 0], unlabelled, blocks(stage.rows, unlabelled))


def _rows(
    stage: Stage, streams: Streams, index: np.ndarray, weight: np.ndarray, regularizers: tuple[Any, ...]
) -> TrainingArrays:
    """Return all that training knows of each row."""
    scaled = weight
    if weight.min() < 1.0 or weight.max() > 1.0:
        scaled = weight.copy()
        for stream in streams[:2]:
            scaled[stream] = weight[stream] / weight[stream].mean() if len(stream) else []
    wanted = regularizers if stage.labels and len(streams.unlabelled) else ()
    neighbours = nearest(stage.rows, max((regularizer.neighbours for regularizer in wanted), default=0))
    propagated = np.zeros((len(index), 0), np.float32)
    if any(regularizer.needs_propagated_labels for regularizer in wanted):
        propagated = propagate(neighbours, index, int(index.max()) + 1)
    return TrainingArrays(stage.rows, index, scaled, neighbours, propagated)


def _fingerprint(estimator: Any, x: np.ndarray, index: np.ndarray, weight: np.ndarray, seed: int) -> dict[str, Any]:
    """Identify settings, data and what computes, so that a checkpoint is only used by the fit it belongs to."""
    settings = {name: _as_json(name, value) for name, value in stored(estimator).items()}
    digest = hashlib.sha256()
    for rows in row_chunks(x):
        for array in rows.arrays() if isinstance(rows, SparseTable) else [rows]:
            digest.update(np.ascontiguousarray(array).data)
    for array in (index, weight):
        digest.update(np.ascontiguousarray(array).data)
    versions = {package: metadata.version(package) for package in ("tensorflow", "keras")}
    return {**settings, **versions, "ssvae": ssvae.__version__, "sha256 of the rows": digest.hexdigest(), "seed": seed}


def _as_json(name: str, value: Any) -> Any:
    """Return a setting as JSON; of an object that no table names there is only its form in words."""
    try:
        return as_json(name, value)
    except ValueError:
        return repr(value)
