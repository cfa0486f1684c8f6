"""The decoder of M1 learnt by Monte Carlo EM, stored in a folder as trained rows are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ssvae.experiments.reproductions.base import Cost, Progress, keep_cost, known_cost
from ssvae.settings.checks import Settings

if TYPE_CHECKING:
    from ssvae.bayes_nets.mcem import MonteCarloEM
    from ssvae.models.m1 import M1


def learn(
    model: Mapping[str, object],
    settings: Settings,
    x: np.ndarray,
    folder: Path,
    seed: int,
    marks: Sequence[int],
    progress: Progress | None = None,
    watch: Callable[[M1, int], None] | None = None,
) -> tuple[M1, Cost]:
    """Return the model and its cost, learnt now or before.

    Parameters
    ----------
    model : dict
        Settings of M1, whose encoder is not used.
    settings : dict
        Of `MonteCarloEM`, and "learning_rate" of Adam, which follows half a cosine to 0 over the steps.
    x : ndarray [N, D] of 0 and 1
    folder : Path
    seed : int
    marks : sequence of int
        Steps after which `watch` is called; the last one ends it.
    progress : callable, optional
    watch : callable, optional
        Receives the model and the steps done, at the marks.

    Raises
    ------
    ValueError
        If the folder holds a model of other settings or data, or cannot be read.
    """
    steps = marks[-1]
    what = {"model": dict(model), "mcem": dict(settings), "steps": steps, "rows": len(x), "seed": seed}
    kept = known_cost(folder, what)
    whole, begin = not (folder / "state.safetensors").exists(), (time.process_time(), time.perf_counter())
    built, method = _built(model, settings, x, steps, seed)
    for mark in marks:
        method.run(mark, folder, progress)
        if watch is not None and int(method.done) == mark:
            watch(built, mark)
    if kept is not None:
        return built, kept
    now = time.process_time(), time.perf_counter()
    cost = {"seconds": now[1] - begin[1], "cpu_seconds": now[0] - begin[0]} if whole else {}
    keep_cost(folder, what, cost)
    return built, cost


def _built(
    model: Mapping[str, object], settings: Settings, x: np.ndarray, steps: int, seed: int
) -> tuple[M1, MonteCarloEM]:
    """Return the model and the method that learns it."""
    import keras

    from ssvae.bayes_nets.mcem import MonteCarloEM
    from ssvae.bayes_nets.of_model import of_model
    from ssvae.likelihoods import LIKELIHOODS
    from ssvae.models import MODELS

    likelihood = LIKELIHOODS.build("bernoulli")
    built = cast("M1", MODELS.build(dict(model), features=x.shape[1], likelihood=likelihood, seed=seed))
    own = dict(settings)
    rate = keras.optimizers.schedules.CosineDecay(own.pop("learning_rate"), steps * own.get("updates", 5))
    optimizer = keras.optimizers.Adam(rate)
    weights = built.decoder.trainable_variables
    return built, MonteCarloEM(
        of_model(built), weights, {"x": x}, weight_prior=1.0, optimizer=optimizer, seed=seed, **own
    )
