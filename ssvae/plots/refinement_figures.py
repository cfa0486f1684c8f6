"""Pictures of how λ climb: bounds by method, paths over the surface of the bound, what rows look like on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ssvae.plots.primitives import FAINT, INK, LABELLED, UNLABELLED

COLORS = (LABELLED, UNLABELLED, "#15803d", "#7c3aed", INK, "#b45309")


class Hill(NamedTuple):
    """One row's bound over the two means of its latent, and the paths up it."""

    first: np.ndarray  # [G] grid of the first mean
    second: np.ndarray  # [G]
    bound: np.ndarray  # [G, G], nats; rows are the second mean
    paths: Mapping[str, np.ndarray]  # method -> means [T + 1, 2]


def methods(curves: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Draw the mean bound against the number of steps, one line a method.

    Parameters
    ----------
    curves : Mapping of str to ndarray [T + 1]
        Nats a row.
    """
    figure = Figure(figsize=(5.4, 3.8), layout="constrained", dpi=130)
    axes = figure.add_subplot()
    for (name, values), color in zip(curves.items(), COLORS, strict=False):
        axes.plot(np.arange(len(values)), values, color=color, linewidth=1.8, label=name)
    every = np.concatenate([np.asarray(values)[1:] for values in curves.values()])
    finite = every[np.isfinite(every)]
    low, high = np.quantile(finite, 0.02), finite.max()
    axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    axes.set(xlabel="steps", ylabel="bound (nats a row)", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.6)
    return figure


def hills(rows: Sequence[Hill], depth: float = 30.0) -> Figure:
    """Draw the surface of the bound for several rows, and the paths of their means up it.

    Parameters
    ----------
    rows : sequence of Hill
    depth : float
        Nats below the top that are shaded.
    """
    figure = Figure(figsize=(3.6 * len(rows), 3.9), layout="constrained", dpi=130)
    for position, hill in enumerate(rows):
        axes = figure.add_subplot(1, len(rows), position + 1)
        top = hill.bound.max()
        levels = np.linspace(top - depth, top, 13)
        shown = np.maximum(hill.bound, levels[0])
        axes.contourf(hill.first, hill.second, shown, levels=levels, cmap="Greys", alpha=0.75)
        for (name, path), color in zip(hill.paths.items(), COLORS, strict=False):
            axes.plot(*path.T, color=color, linewidth=1.6, marker="o", markersize=2.6, label=name)
        axes.plot(*next(iter(hill.paths.values()))[0], marker="*", markersize=11, color=INK, label="start")
        axes.set(xlim=hill.first[[0, -1]], ylim=hill.second[[0, -1]], xlabel="mean of z, first", aspect="equal")
        if not position:
            axes.set_ylabel("second")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=8)
    return figure
