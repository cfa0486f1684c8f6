"""Figures of variational refinement: bounds by method, paths of λ over the surface of the bound, reconstructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ssvae.evaluation import refinement_paths
from ssvae.evaluation.refinement_paths import OPTIMIZERS, Rows
from ssvae.inference.base import Inference
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.inference.refining import Refining
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.plots.primitives import INK, LABELLED, UNLABELLED, clean, image_grid
from ssvae.plots.run_figures import Skipped, save_all

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier

STEPS, SHOWN = 20, (0, 1, 2, 3, 5, 10, 20)  # of every method; those whose reconstructions are drawn
SURFACES, GRID, MARGIN = 4, 61, 0.35  # rows whose surface is drawn; points a side; margin in widths of the paths
FLAT = 1e-5  # of a bound: a surface that varies less shows the rounding of float32
COLORS = (LABELLED, UNLABELLED, "#15803d", "#7c3aed", INK, "#b45309")
Paths: TypeAlias = Mapping[str, Sequence[Parameters]]  # λ_0, …, λ_T by method


class Surface(NamedTuple):
    """One row's bound over the two means of its latent, and the paths of refinement."""

    first: np.ndarray  # [G] grid of the first mean
    second: np.ndarray  # [G]
    bound: np.ndarray  # [G, G], nats; rows are the second mean
    paths: Mapping[str, np.ndarray]  # method -> means [T + 1, 2]


def draw_all(
    classifier: SSVAEClassifier, x: np.ndarray, image_shape: tuple[int, ...] | None, folder: Path
) -> dict[str, str]:
    """Write the figures, and return name -> why for those that were skipped.

    Parameters
    ----------
    classifier : SSVAEClassifier
        Fitted.
    x : ndarray [N, D]
        The first half serves to tune the optimizers' learning rates, the second is drawn.
    image_shape : tuple of int, optional
    folder : Path
    """
    if len(x) < 2:
        raise ValueError(f"figures of refinement need 2 rows or more, got {len(x)}: half to tune rates, half to draw")
    folder.mkdir(parents=True, exist_ok=True)
    part, seen, y, _ = classifier.scored(x)
    rows = Rows(tf.constant(seen), None if y is None else tf.constant(y))
    found, half = paths(part, rows, classifier.objective_.inference), second_half(rows)
    plans: dict[str, Callable[[], Figure]] = {
        "optimizers": lambda: optimizers(part, half, found),
        "surface": lambda: surfaces(part, half, found),
        "iterations": lambda: iterations(part, half, found, image_shape),
    }
    return save_all(plans, folder)


def second_half(rows: Rows) -> Rows:
    """Return the rows on which no learning rate is tuned."""
    return _rows(rows, slice(len(rows.x) // 2, None))


def paths(part: HasDensity, rows: Rows, inference: Inference, steps: int = STEPS) -> dict[str, list[Parameters]]:
    """Return λ_0, …, λ_T of the second half by method, all from the λ_0 of the fitted inference."""
    tuning, half = _rows(rows, slice(len(rows.x) // 2)), second_half(rows)
    start = inference.initial_parameters(part, half.x, half.y)
    found = {"gradient_refined": refinement_paths.refinement_path(part, half, start, GradientRefined(), steps)}
    if inference.update is not None:
        found = {
            "iterative": refinement_paths.refinement_path(part, half, start, cast(Refining, inference), steps),
            **found,
        }
    gradient = refinement_paths.bound_gradient(part, half, start)
    for name, (kind, _) in OPTIMIZERS.items():
        rate = refinement_paths.tuned_rate(
            part, tuning, inference.initial_parameters(part, tuning.x, tuning.y), name, steps
        )
        found[f"{name}, rate {rate:g}"] = refinement_paths.optimizer_path(start, kind(rate), steps, gradient)
    return found


def optimizers(part: HasDensity, rows: Rows, paths: Paths) -> Figure:
    """Draw the mean bound against the number of steps, one line a method."""
    curves = {name: refinement_paths.bounds(part, rows, path).mean(axis=1) for name, path in paths.items()}
    figure = Figure(figsize=(5.4, 3.8), layout="constrained", dpi=130)
    axes = figure.add_subplot()
    for (name, values), color in zip(curves.items(), COLORS, strict=False):
        axes.plot(np.arange(len(values)), values, color=color, linewidth=1.8, label=name)
    every = np.concatenate([values[1:] for values in curves.values()])
    finite = every[np.isfinite(every)]
    low, high = np.quantile(finite, 0.02), finite.max()
    axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    title = f"{len(rows.x)} rows; learning rates tuned on as many others"
    axes.set(xlabel="steps of refinement", ylabel="bound (nats a row)", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    clean(axes)
    return figure


def surfaces(part: HasDensity, rows: Rows, paths: Paths) -> Figure:
    """Draw the paths over the surface of the bound for a few rows; for 2 latents only."""
    name, *others = next(iter(paths.values()))[0]
    if others or next(iter(paths.values()))[0][name].shape[-1] != 4:
        raise Skipped("the surface of the bound is drawn for a single latent of 2 dimensions")
    chosen = []
    for row in range(min(SURFACES, len(rows.x))):
        own = {method: np.array([at[name][row, :2] for at in path]) for method, path in paths.items()}
        every = np.concatenate(list(own.values()))
        middle, width = (every.max(0) + every.min(0)) / 2, max(np.ptp(every, axis=0).max(), 0.5) * (0.5 + MARGIN)
        first, second = (np.linspace(centre - width, centre + width, GRID) for centre in middle)
        best = {name: next(iter(paths.values()))[-1][name][row : row + 1]}
        means = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
        bound = refinement_paths.landscape(part, _rows(rows, slice(row, row + 1)), best, means)
        chosen.append(Surface(first, second, bound.reshape(GRID, GRID), own))
    return contours(chosen)


def contours(surfaces: Sequence[Surface], depth: float = 30.0) -> Figure:
    """Draw the surface of the bound of several rows, at most `depth` nats below its top, and the paths over it."""
    figure = Figure(figsize=(3.6 * len(surfaces), 3.9), layout="constrained", dpi=130)
    for position, surface in enumerate(surfaces):
        axes = figure.add_subplot(1, len(surfaces), position + 1)
        top, drop = surface.bound.max(), np.ptp(surface.bound)
        if drop > FLAT * max(1.0, abs(top)):
            levels = np.linspace(top - min(depth, drop), top, 13)
            shown = np.maximum(surface.bound, levels[0])
            axes.contourf(surface.first, surface.second, shown, levels=levels, cmap="Greys", alpha=0.75)
        else:
            axes.set_title(f"flat: {top:.4g} nats everywhere", fontsize=8)
        for (name, path), color in zip(surface.paths.items(), COLORS, strict=False):
            axes.plot(*path.T, color=color, linewidth=1.6, marker="o", markersize=2.6, label=name)
        axes.plot(*next(iter(surface.paths.values()))[0], marker="*", markersize=11, color=INK, label="start")
        limits = {"xlim": surface.first[[0, -1]], "ylim": surface.second[[0, -1]]}
        axes.set(**limits, xlabel="mean of $z_1$", ylabel="" if position else "mean of $z_2$", aspect="equal")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=8)
    return figure


def iterations(
    part: HasDensity, rows: Rows, paths: Paths, image_shape: tuple[int, ...] | None, shown: int = 8
) -> Figure:
    """Draw images, and their reconstructions after several steps of the first method."""
    if image_shape is None:
        raise Skipped("the rows are not images")
    method, path = next(iter(paths.items()))
    few, steps = _rows(rows, slice(shown)), [t for t in SHOWN if t < len(path)]
    some = [{name: value[:shown] for name, value in path[t].items()} for t in steps]
    decoded = refinement_paths.means(part, few, some)
    grid = np.concatenate([np.asarray(few.x)[:, None], np.moveaxis(decoded, 0, 1)], axis=1)
    columns = ["image", *(f"t = {t}" for t in steps)]
    return image_grid(grid.reshape(*grid.shape[:2], *image_shape), columns, title=f"reconstructions, {method}")


def _rows(rows: Rows, some: slice) -> Rows:
    return Rows(*(None if own is None else own[some] for own in rows))
