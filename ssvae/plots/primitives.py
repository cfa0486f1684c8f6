"""Basic figures, from arrays to matplotlib figures; no global state is touched (no pyplot)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

LABELLED, UNLABELLED, INK, FAINT = "#c2410c", "#1d4ed8", "#1f2937", "#9ca3af"
FEATURES = 24  # features of a heat table that can still be read
Classes: TypeAlias = np.ndarray | Sequence[object]  # names, or labels as they stand in y
History: TypeAlias = Mapping[str, Sequence[object]]  # of a fit, as `SSVAEClassifier.history_`


def class_colors(classes: int) -> np.ndarray:
    """Return a colour for each of K classes, [K, 4]."""
    if classes <= 10:
        return matplotlib.colormaps["tab10"](np.arange(classes))
    return matplotlib.colormaps["turbo"](np.linspace(0.03, 0.97, classes))


def learning_curves(history: History) -> Figure:
    """Draw the bounds and the cross-entropy over the epochs, one column for each training stage."""
    stages = [str(stage) for stage in dict.fromkeys(history["stage"])]
    panels = [(("bound (nats a row)"), {"labelled_bound": LABELLED, "unlabelled_bound": UNLABELLED})]
    panels += [("cross-entropy (nats)", {"cross_entropy": LABELLED})]
    drawn = [(stage, *panel) for stage in stages for panel in panels if _any_finite(history, stage, panel[1])]
    figure = Figure(figsize=(4.2 * max(len(drawn), 1), 3.4), layout="constrained")
    for position, (stage, words, curves) in enumerate(drawn):
        axes = figure.add_subplot(1, len(drawn), position + 1)
        for name, color in curves.items():
            epochs, values = _curve(history, stage, name)
            if np.isfinite(values).any():
                axes.plot(epochs, values, color=color, label=name.replace("_", " "), linewidth=1.6)
        _limit(axes)
        axes.set(title=f"stage {stage}", xlabel="epoch", ylabel=words)
        axes.legend(frameon=False)
        clean(axes)
    return figure


def _curve(history: History, stage: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [row for row, s in enumerate(history["stage"]) if s == stage]
    column = history.get(name) or [None] * len(history["stage"])
    values = np.array([np.nan if column[row] is None else column[row] for row in rows], dtype=float)
    if not values.any():  # a stage without such rows has zeros
        values[:] = np.nan
    return np.arange(1, len(rows) + 1), values


def _any_finite(history: History, stage: str, curves: Mapping[str, str]) -> bool:
    return any(np.isfinite(_curve(history, stage, name)[1]).any() for name in curves)


def _limit(axes: Axes) -> None:
    """Fit the vertical limits to all but the first epochs, whose steep change would flatten the rest."""
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    values = np.concatenate([line[np.isfinite(line)][len(line) // 20 :] for line in lines])
    if len(values) > 20:
        low, high = np.quantile(values, [0.0, 1.0])
        margin = 0.06 * (high - low) or 1.0
        axes.set_ylim(low - margin, high + margin)


def confusion_matrix(counts: ArrayLike, classes: Classes, title: str = "") -> Figure:
    """Draw counts [K, K]: rows are true classes, columns predicted; shades are shares of the row."""
    counts = np.asarray(counts)
    side = 1.8 + 0.42 * len(counts)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts) if len(counts) <= 25 else ():
        if count:
            color = "white" if shares[row, column] > 0.6 else INK
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
    ticks = {"xticks": range(len(counts)), "yticks": range(len(counts))}
    axes.set(**ticks, xlabel="predicted", ylabel="true", title=title)
    names = [str(name) for name in classes]
    axes.set_xticklabels(names, rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticklabels(names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def latent_map(latents: np.ndarray, y: np.ndarray, classes: Classes) -> Figure:
    """Draw latents [N, Z] on their first two principal axes, coloured by the true class."""
    centred = latents - latents.mean(axis=0)
    _, scales, axes_ = np.linalg.svd(centred, full_matrices=False)
    points = centred @ axes_[:2].T if latents.shape[1] > 1 else np.c_[centred, np.zeros(len(centred))]
    shares = 100 * scales**2 / max(float((scales**2).sum()), np.finfo(float).tiny)
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, color in zip(classes, class_colors(len(classes)), strict=True):
        rows = y == name
        axes.scatter(points[rows, 0], points[rows, 1], s=9, color=color, alpha=0.75, linewidths=0, label=str(name))
    shown = [*shares[:2], 0.0][:2]
    labels = [f"principal axis {n + 1} ({share:.0f} % of the variance)" for n, share in enumerate(shown)]
    axes.set(xlabel=labels[0], ylabel=labels[1], title="latents of rows with a label")
    axes.legend(frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    clean(axes)
    return figure


def image_grid(images: np.ndarray, columns: Classes = (), rows: Classes = (), title: str = "") -> Figure:
    """Draw images [rows, columns, height, width] or [..., channels] in a grid.

    Parameters
    ----------
    images : ndarray
        Values in [0, 1], or in any range, which is then stretched to it; NaN images stay blank.
    columns, rows : sequence
        Labels above the columns and beside the rows.
    title : str
    """
    r, c, height, width = images.shape[:4]
    gap = max(1, height // 10)  # pixels between images
    low, high = min(0.0, float(np.nanmin(images))), max(1.0, float(np.nanmax(images)))
    shape = (r * (height + gap) - gap, c * (width + gap) - gap)
    sheet = np.ones((*shape, *images.shape[4:])) if images.ndim == 5 else np.full(shape, np.nan)
    for (row, column), _ in np.ndenumerate(np.empty((r, c))):
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width] = (images[row, column] - low) / (high - low)
    cell = min(0.62, 9 / max(r, c))
    figure = Figure(figsize=(c * cell + 0.5, r * cell + 0.5), layout="constrained", dpi=150)
    axes = figure.add_subplot()
    colors = matplotlib.colormaps["gray"].with_extremes(bad="white")
    axes.imshow(sheet.squeeze(), cmap=colors, vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([n * (width + gap) + width / 2 - 0.5 for n in range(len(columns))], [str(name) for name in columns])
    axes.set_yticks([n * (height + gap) + height / 2 - 0.5 for n in range(len(rows))], [str(name) for name in rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=9)
    return figure


def heat_table(values: np.ndarray, classes: Classes, features: Sequence[str], scale: np.ndarray) -> Figure:
    """Draw how the features of one row change with the class, as deviations from their mean over the classes.

    Parameters
    ----------
    values : ndarray of shape [K, D]
        Analogies of one row, in original units.
    classes, features : sequence
        Names, K and D of them; the features that change most are shown.
    scale : ndarray of shape [D]
        Standard deviation of each feature in the data: the unit of the shades.
    """
    change = (values - values.mean(axis=0)) / np.where(scale > 0, scale, 1)
    shown = np.sort(np.argsort(-np.abs(change).max(axis=0), kind="stable")[:FEATURES])
    limit = max(float(np.abs(change).max()), 1e-6)
    figure = Figure(
        figsize=(max(5.5, 2.6 + 0.48 * len(shown)), 2.1 + 0.34 * len(classes)), layout="constrained", dpi=130
    )
    axes = figure.add_subplot()
    shades = axes.imshow(change[:, shown], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), _ in np.ndenumerate(change[:, shown]):
        color = "white" if abs(change[row, shown[column]]) > 0.65 * limit else INK
        value = values[row, shown[column]]
        text = f"{value:.0f}" if 1e3 <= abs(value) < 1e5 else f"{value:.3g}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(len(shown)), [features[n] for n in shown], rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), [str(name) for name in classes])
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    axes.set_title("analogies of one row: same latent, other class", fontsize=9)
    figure.colorbar(shades).set_label("deviation from the classes' mean (s.d. of the feature)", fontsize=8)
    return figure


def clean(axes: Axes) -> None:
    """Leave out two sides of the frame, and put a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
