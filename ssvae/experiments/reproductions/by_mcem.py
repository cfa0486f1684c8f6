"""The decoder of a model learnt by Monte Carlo EM, kept in a folder as trained rows are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssvae.experiments.reproductions.base import Progress, keep_cost, known_cost


def learn(
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    x: np.ndarray,
    folder: Path,
    seed: int,
    marks: Sequence[int],
    progress: Progress | None = None,
    watch: Callable[[Any, int], None] | None = None,
) -> tuple[Any, dict[str, float]]:
    """Return the model and what it cost, learnt now or before.

    Parameters
    ----------
    model : dict
        Settings of M1, whose encoder is not used.
    settings : dict
        Of `MonteCarloEM`, and "learning_rate", Adam's, which falls to 0 by half a cosine over the steps.
    x : ndarray [N, D] of 0 and 1
    folder : Path
    seed : int
    marks : sequence of int
        Steps, the last of which ends it.
    progress : callable, optional
    watch : callable, optional
        Told of the model, and of the steps done, at the marks.

    Raises
    ------
    ValueError
        If the folder holds what was learnt with other settings or data, or cannot be read.
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


def _built(model: Mapping[str, Any], settings: Mapping[str, Any], x: np.ndarray, steps: int, seed: int) -> Any:
    """Return the model and the method that learns it."""
    import keras

    from ssvae.bayes_nets.mcem import MonteCarloEM
    from ssvae.bayes_nets.of_model import of_model
    from ssvae.likelihoods import LIKELIHOODS
    from ssvae.models import MODELS

    built = MODELS.build(dict(model), features=x.shape[1], likelihood=LIKELIHOODS.build("bernoulli"), seed=seed)
    own = dict(settings)
    rate = keras.optimizers.schedules.CosineDecay(own.pop("learning_rate"), steps * own.get("updates", 5))
    optimizer = keras.optimizers.Adam(rate)
    weights = built.decoder.trainable_variables
    return built, MonteCarloEM(
        of_model(built), weights, {"x": x}, weight_prior=1.0, optimizer=optimizer, seed=seed, **own
    )
