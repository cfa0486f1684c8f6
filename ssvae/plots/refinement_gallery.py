"""The pictures of a fitted inference at work on rows: which ways up the bound are drawn, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from ssvae.evaluation import refinement_paths
from ssvae.evaluation.refinement_paths import OPTIMIZERS, Rows
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.models.base import Parameters
from ssvae.plots import primitives, refinement_figures
from ssvae.plots.run_figures import Skipped, save_all

STEPS, SHOWN = 20, (0, 1, 2, 3, 5, 10, 20)  # of every method; of which rows are reconstructed
HILLS, GRID, MARGIN = 4, 61, 0.35  # rows whose surface is drawn; points a side; of the paths' width around them


def draw_all(classifier: Any, x: np.ndarray, image_shape: tuple[int, ...] | None, folder: Path) -> dict[str, str]:
    """Write the pictures, and return name -> why for those that were skipped.

    Parameters
    ----------
    classifier : SSVAEClassifier
        Fitted.
    x : ndarray [N, D]
        The first half serves to tune the optimizers' rates, the second is drawn.
    image_shape : tuple of int, optional
    folder : Path
    """
    if len(x) < 2:
        raise ValueError(
            f"pictures of refinement need 2 rows or more, got {len(x)}: one half tunes, the other is drawn"
        )
    folder.mkdir(parents=True, exist_ok=True)
    part, seen, y, _ = classifier.scored(x)
    rows = Rows(tf.constant(seen), None if y is None else tf.constant(y))
    ways, half = paths(part, rows, classifier.objective_.inference), drawn(rows)
    plans: dict[str, Callable[[], Figure]] = {
        "optimizers": lambda: methods(part, half, ways),
        "surface": lambda: surface(part, half, ways),
        "iterations": lambda: iterations(part, half, ways, image_shape),
    }
    return save_all(plans, folder)


def drawn(rows: Rows) -> Rows:
    """Return the rows that no rate is tuned on."""
    return Rows(*(None if part is None else part[len(part) // 2 :] for part in rows))


def paths(part: Any, rows: Rows, inference: Any, steps: int = STEPS) -> dict[str, list[Parameters]]:
    """Return λ_0, …, λ_T of the drawn rows by method, all from the λ_0 of the fitted inference."""
    tuning = Rows(*(None if own is None else own[: len(own) // 2] for own in rows))
    half = drawn(rows)
    refiner = GradientRefined()
    start = inference.initial_parameters(part, half.x, half.y)
    found = {"gradient_refined": refinement_paths.refined(part, half, start, refiner, steps)}
    if inference.update is not None:
        found = {"iterative": refinement_paths.refined(part, half, start, inference, steps), **found}
    slope = refinement_paths.sloped(part, half, start)
    for name, (kind, _) in OPTIMIZERS.items():
        rate = refinement_paths.tuned(part, tuning, inference.initial_parameters(part, tuning.x, tuning.y), name, steps)
        found[f"{name}, rate {rate:g}"] = refinement_paths.optimized(start, kind(rate), steps, slope)
    return found


def methods(part: Any, rows: Rows, ways: Mapping[str, list[Parameters]]) -> Figure:
    """Draw the mean bound against steps for every method."""
    curves = {name: refinement_paths.bounds(part, rows, path).mean(axis=1) for name, path in ways.items()}
    return refinement_figures.methods(curves, f"{len(rows.x)} rows; rates chosen on as many others")


def surface(part: Any, rows: Rows, ways: Mapping[str, list[Parameters]]) -> Figure:
    """Draw the paths over the surface of the bound for a few rows; for 2 latents only."""
    name, *others = next(iter(ways.values()))[0]
    if others or next(iter(ways.values()))[0][name].shape[-1] != 4:
        raise Skipped("the surface of the bound is drawn for a single latent of 2 dimensions")
    chosen = []
    for row in range(min(HILLS, len(rows.x))):
        one = Rows(*(None if own is None else own[row : row + 1] for own in rows))
        own = {way: np.array([at[name][row, :2] for at in path]) for way, path in ways.items()}
        every = np.concatenate(list(own.values()))
        middle, width = (every.max(0) + every.min(0)) / 2, max(np.ptp(every, axis=0).max(), 0.5) * (0.5 + MARGIN)
        axes = [np.linspace(centre - width, centre + width, GRID) for centre in middle]
        best = {name: next(iter(ways.values()))[-1][name][row : row + 1]}
        means = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
        bound = refinement_paths.landscape(part, one, best, means).reshape(GRID, GRID)
        chosen.append(refinement_figures.Hill(axes[0], axes[1], bound, own))
    return refinement_figures.hills(chosen)


def iterations(
    part: Any, rows: Rows, ways: Mapping[str, list[Parameters]], image_shape: tuple[int, ...] | None, shown: int = 8
) -> Figure:
    """Draw test images, and what is decoded at λ_t of the first method after several steps."""
    if image_shape is None:
        raise Skipped("the rows are no images")
    path = next(iter(ways.values()))
    few = Rows(*(None if own is None else own[:shown] for own in rows))
    some = [{name: value[:shown] for name, value in path[t].items()} for t in SHOWN if t < len(path)]
    decoded = refinement_paths.means(part, few, some)
    grid = np.concatenate([np.asarray(few.x)[:, None], np.moveaxis(decoded, 0, 1)], axis=1)
    columns = ["row", *(f"t = {t}" for t in SHOWN if t < len(path))]
    return primitives.image_grid(grid.reshape(*grid.shape[:2], *image_shape), columns, title=next(iter(ways)))
