"""From rows and pieces to trained weights: the stages of a model, one after another."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import tensorflow as tf

from ssvae.assembly import Assembly
from ssvae.callbacks import Progress
from ssvae.hooks import Hooks
from ssvae.models.base import Stage
from ssvae.peers import nearest
from ssvae.plans import plan
from ssvae.training import Rows, train


def fresh_seed(random_state: Any) -> int:
    """Return a seed in [0, 2³¹) from an int, a RandomState (which moves on) or None (a new one from the system)."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(random_state.randint(2**31))


def fit_stages(
    estimator: Any, parts: Assembly, x: np.ndarray, index: np.ndarray, weight: np.ndarray, seed: int
) -> dict[str, list[Any]]:
    """Train the model on preprocessed rows x [N, D] with class index [N] (-1: none); return the history."""
    callbacks = [*(estimator.callbacks or ()), *([Progress()] if estimator.verbose else [])]
    hooks = Hooks(callbacks, _fingerprint(estimator, x, index, weight, seed))
    for position, stage in enumerate(parts.model.stages(x)):
        stage_seed = int(np.random.SeedSequence([seed, position]).generate_state(1)[0] >> 1)
        stage.model.reset(np.random.default_rng(stage_seed))
        if stage.name in hooks.done:
            stage.model.set_weights(hooks.done[stage.name])
            continue
        peers = max((regularizer.peers for regularizer in parts.objective.regularizers), default=0)
        labelled, unlabelled = _streams(stage, index, weight, estimator.labeled_in_unlabeled, peers)
        rows = len(labelled.weight), len(unlabelled.weight)
        schedule = plan(stage.name, *rows, estimator)
        train(stage, parts.objective, labelled, unlabelled, schedule, stage_seed, hooks)
    return hooks.history


def _streams(stage: Stage, index: np.ndarray, weight: np.ndarray, keep: bool, peers: int) -> tuple[Rows, Rows]:
    """Return the labelled and the unlabelled stream of a stage; without labels every row is unlabelled."""
    if not stage.labels:
        first, second = np.zeros(len(index), bool), np.ones(len(index), bool)
    else:
        first = index >= 0
        second = ~first | keep
    if not hasattr(stage.model, "encode"):
        second = np.zeros(len(index), bool)  # a classifier alone learns from labels alone
    peers = peers if stage.labels and hasattr(stage.model, "encode") else 0
    return _rows(stage, first, index, weight, 0), _rows(stage, second, index, weight, peers)


def _rows(stage: Stage, chosen: np.ndarray, index: np.ndarray, weight: np.ndarray, peers: int) -> Rows:
    own = weight[chosen]
    x = tf.nest.map_structure(lambda array: array[chosen], stage.rows)
    return Rows(x, np.maximum(index[chosen], 0), own / own.mean() if len(own) else own, nearest(x, peers))


def _fingerprint(estimator: Any, x: np.ndarray, index: np.ndarray, weight: np.ndarray, seed: int) -> str:
    """Identify settings and data, so that a checkpoint is only used by the fit it belongs to."""
    left_out = ("callbacks", "verbose", "random_state")
    settings = {k: v for k, v in sorted(estimator.get_params(deep=False).items()) if k not in left_out}
    digest = hashlib.sha256(json.dumps(settings, default=repr, sort_keys=True).encode())
    for array in (x, index, weight):
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"{digest.hexdigest()}-{seed}"
