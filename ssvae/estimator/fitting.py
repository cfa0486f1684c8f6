"""Fitting: the stages of a model trained one after another, on preprocessed rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import numpy as np

import ssvae
from ssvae import prediction
from ssvae.distributed.strategy import ONE, ReplicaLayout
from ssvae.estimator.arguments import as_json, present, stored
from ssvae.estimator.components import Components
from ssvae.inference.base import Inference
from ssvae.models.base import Model, Stage
from ssvae.models.capabilities import HasDensity
from ssvae.readers.base import Rows, RowSource, row_chunks, take_rows
from ssvae.readers.sparse_table import SparseTable
from ssvae.readers.spilled_rows import SpilledRows
from ssvae.regularizers.base import Regularizer
from ssvae.regularizers.label_propagation import agreement, propagate
from ssvae.regularizers.nearest_neighbors import expected_seconds, nearest
from ssvae.settings.ranges import check_random_state
from ssvae.training.callback_list import CallbackList
from ssvae.training.callbacks import AnyCallback, Arrays, History, StagePlan
from ssvae.training.checkpoint import Checkpoint, Fingerprint
from ssvae.training.early_stopping import BoundStopping, set_apart
from ssvae.training.loop import outline, train
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.progress import Progress
from ssvae.training.schedule import Schedule, TrainingSettings, plan
from ssvae.training.streams import Streams, blocks
from ssvae.training.worker_agreement import SharedCheckpoint, check_same

if TYPE_CHECKING:
    from ssvae.estimator.classifier import SSVAEClassifier

TOGETHER = 4 * prediction.CHUNK  # rows of a source


def fresh_seed(random_state: int | np.random.RandomState | None) -> int:
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
    check_random_state(random_state)
    return int(random_state)


@dataclass(frozen=True)
class FitSettings:
    """What `fit_stages` takes from the estimator.

    Parameters
    ----------
    training : TrainingSettings
    callbacks : tuple of Callback
    described : Mapping
        Every setting that the result depends on, as JSON can hold it, for the fingerprint of checkpoints.
    seed : int
    layout : ReplicaLayout
        Where the replicas live.
    """

    training: TrainingSettings
    callbacks: tuple[AnyCallback, ...]
    described: Mapping[str, object]
    seed: int
    layout: ReplicaLayout = ONE

    @classmethod
    def of(cls, estimator: SSVAEClassifier, seed: int, layout: ReplicaLayout) -> Self:
        """Return the settings among the estimator's arguments."""
        callbacks = (*(estimator.callbacks or ()), *([Progress()] if estimator.verbose else []))
        described = {name: _as_json(name, value) for name, value in stored(estimator).items()}
        return cls(TrainingSettings.of(present(estimator)), callbacks, described, seed, layout)


def fit_stages(
    parts: Components,
    x: Rows,
    index: np.ndarray,
    weight: np.ndarray,
    settings: FitSettings,
    done: Mapping[str, Arrays] = MappingProxyType({}),
) -> History:
    """Train the model on preprocessed rows x [N, D] with class index [N] (-1: none); return the history.

    Stages whose weights are in `done`, by name, keep them.
    """
    training, seed = settings.training, settings.seed
    stopping: list[BoundStopping] = []
    if training.early_stopping is not None:
        learnt, stopping = set_apart(training.early_stopping, x, index, seed)
        x, index, weight = take_rows(x, learnt), index[learnt], weight[learnt]
    callbacks = _callback_list(settings, stopping, partial(_fingerprint, settings, x, index, weight))
    callbacks.done |= done
    try:
        _train_stages(parts, x, index, weight, settings, callbacks)
    finally:
        callbacks.fit_end()
    return callbacks.history


def _train_stages(
    parts: Components,
    x: Rows,
    index: np.ndarray,
    weight: np.ndarray,
    settings: FitSettings,
    callbacks: CallbackList,
) -> None:
    training, layout = settings.training, settings.layout
    callbacks.fit_begin(_outline(parts, x, index, training, layout, callbacks.done))
    infer_rows = partial(_parameters, inference=parts.objective.inference)
    for position, stage in enumerate(parts.model.stages(x, infer_rows)):
        stage_seed = int(np.random.SeedSequence([settings.seed, position]).generate_state(1)[0] >> 1)
        stage.model.reset(np.random.default_rng(stage_seed))
        if stage.name in callbacks.done:
            stage.model.set_weights(callbacks.done[stage.name])
            continue
        streams = _streams(stage, index, training.labeled_in_unlabeled)
        wanted = _wanted(parts, stage, streams)
        if any(regularizer.neighbours for regularizer in wanted):
            callbacks.working("neighbours")
        rows = _rows(stage, streams, index, weight, wanted, callbacks.worked)
        schedule = _plan(stage, streams, training)._replace(strength=_strength(training, rows))
        train(stage, parts.objective, rows, streams, schedule, stage_seed, callbacks, layout)


def _strength(training: TrainingSettings, rows: TrainingArrays) -> float:
    """Return what the regularizers of a stage are multiplied by."""
    if training.regularizer_strength != "auto":
        return float(training.regularizer_strength)
    compared = rows.neighbours.shape[1] > 0
    return agreement(rows.neighbours, rows.y, int(rows.y.max()) + 1) if compared else 1.0


def _wanted(parts: Components, stage: Stage, streams: Streams) -> tuple[Regularizer, ...]:
    """Return the regularizers of a stage."""
    return parts.objective.regularizers if stage.labels and len(streams.unlabelled) else ()


def _outline(
    parts: Components,
    x: Rows,
    index: np.ndarray,
    training: TrainingSettings,
    layout: ReplicaLayout,
    done: Collection[str],
) -> dict[str, StagePlan]:
    """Return what is known of the stages that are not trained yet, by name."""
    found = {}
    for stage in parts.model.outline(x):
        if stage.name not in done:
            streams = _streams(stage, index, training.labeled_in_unlabeled)
            compared = any(regularizer.neighbours for regularizer in _wanted(parts, stage, streams))
            before = {"neighbours": expected_seconds(len(x))} if compared else {}
            known = outline(stage, _plan(stage, streams, training), streams, layout)
            found[stage.name] = known._replace(before=before)
    return found


def _plan(stage: Stage, streams: Streams, training: TrainingSettings) -> Schedule:
    return plan(stage, len(streams.labelled), len(streams.unlabelled), training)


def _callback_list(
    settings: FitSettings, stopping: Sequence[AnyCallback], fingerprint: Callable[[], Fingerprint]
) -> CallbackList:
    """Return the callbacks of the fit; the rows are hashed only where a checkpoint or another worker compares them."""
    callbacks, layout = [*stopping, *settings.callbacks], settings.layout
    if layout.across_processes:
        check_same(layout, fingerprint())
        callbacks = [SharedCheckpoint(own, layout) if isinstance(own, Checkpoint) else own for own in callbacks]
    return CallbackList(callbacks, fingerprint)


def _parameters(model: Model, x: Rows, inference: Inference) -> np.ndarray | RowSource:
    """Return λ of the only latent of a part for all rows, [N, 2Z]; of a source in a temporary file, another source."""
    found = partial(prediction.over_rows, model, prediction.parameters, inference=inference)
    if not isinstance(x, RowSource):
        return found(x)
    return SpilledRows(found(x[at : at + TOGETHER]) for at in range(0, len(x), TOGETHER))


def _streams(stage: Stage, index: np.ndarray, keep: bool) -> Streams:
    """Return the streams of a stage: without labels every row is unlabelled, without a density none is."""
    every = np.arange(len(index), dtype=np.int32)
    if not stage.labels:
        return Streams(every[:0], every, blocks(stage.rows, every))
    unlabelled = (every if keep else every[index < 0]) if isinstance(stage.model, HasDensity) else every[:0]
    return Streams(every[index >= 0], unlabelled, blocks(stage.rows, unlabelled))


def _rows(
    stage: Stage,
    streams: Streams,
    index: np.ndarray,
    weight: np.ndarray,
    regularizers: tuple[Regularizer, ...],
    worked: Callable[[float], None],
) -> TrainingArrays:
    """Return the per-row training arrays of a stage, with what its regularizers need."""
    scaled = weight
    if weight.min() < 1.0 or weight.max() > 1.0:
        scaled = weight.copy()
        for stream in streams[:2]:
            scaled[stream] = weight[stream] / weight[stream].mean() if len(stream) else []
    count = max((regularizer.neighbours for regularizer in regularizers), default=0)
    neighbours = nearest(stage.rows, count, advance=worked)
    propagated = np.zeros((len(index), 0), np.float32)
    if any(regularizer.needs_propagated_labels for regularizer in regularizers):
        propagated = propagate(neighbours, index, int(index.max()) + 1)
    return TrainingArrays(stage.rows, index, scaled, neighbours, propagated)


def _fingerprint(settings: FitSettings, x: Rows, index: np.ndarray, weight: np.ndarray) -> Fingerprint:
    """Return what identifies a fit (settings, data, versions, seed): a checkpoint is used by the same fit only."""
    digest = hashlib.sha256()
    for rows in row_chunks(x):
        for array in rows.arrays() if isinstance(rows, SparseTable) else [rows]:
            digest.update(np.ascontiguousarray(array).data)
    for array in (index, weight):
        digest.update(np.ascontiguousarray(array).data)
    versions = {package: metadata.version(package) for package in ("tensorflow", "keras")}
    known = {**settings.described, **versions, "ssvae": ssvae.__version__}
    return {**known, "sha256 of the rows": digest.hexdigest(), "seed": settings.seed}


def _as_json(name: str, value: object) -> object:
    """Return a setting as JSON; of an object that is not registered, its repr."""
    try:
        return as_json(name, value)
    except ValueError:
        return repr(value)
