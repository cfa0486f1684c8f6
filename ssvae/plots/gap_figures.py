"""Figures of an inference gap report: bounds and effective sample size by steps of refinement, bounds by draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssvae.evaluation.inference_gap_report import GapReport
from ssvae.plots.primitives import INK, LABELLED, UNLABELLED, clean


def refinement(report: GapReport) -> Figure:
    """Draw the bound, and beside it the effective sample size, against steps of gradient refinement."""
    return _side_by_side(report, (_bounds, _effective))


def samples(report: GapReport) -> Figure:
    """Draw the importance-weighted bound against the number of draws from q of the encoder and of the local optimum."""
    return _side_by_side(report, (_draws,))


def overview(report: GapReport) -> Figure:
    """Draw both, three panels side by side."""
    return _side_by_side(report, (_bounds, _effective, _draws))


def _side_by_side(report: GapReport, panels: Sequence[Callable[[Axes, GapReport], None]]) -> Figure:
    figure = Figure(figsize=(4.6 * len(panels), 3.6), layout="constrained", dpi=130)
    figure.suptitle(f"bounds of {report.about.of}", fontsize=11)
    for position, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), position + 1)
        panel(axes, report)
        clean(axes)
    return figure


def _bounds(axes: Axes, report: GapReport) -> None:
    steps, gains = list(report.path), [at.bound - report.encoder.bound for at in report.path.values()]
    means = np.array([at.bound.mean() for at in report.path.values()])
    errors = np.array([gain.std() / np.sqrt(len(gain)) for gain in gains])
    axes.fill_between(steps, means - errors, means + errors, color=UNLABELLED, alpha=0.2, linewidth=0)
    axes.plot(steps, means, color=UNLABELLED, marker="o", markersize=3.5, label="gradient refinement")
    ends = [("local optimum", report.local.bound, LABELLED, "-"), ("encoder", report.encoder.bound, INK, "--")]
    if report.about.refinement:
        ends.insert(1, (f"fitted inference, T = {report.about.refinement}", report.inference.bound, INK, ":"))
    for words, bound, color, style in ends:
        axes.axhline(bound.mean(), color=color, linestyle=style, linewidth=1.3, label=words)
    axes.set(ylabel="bound (nats a row)", title="bound")
    _steps(axes, steps)


def _effective(axes: Axes, report: GapReport) -> None:
    steps = list(report.path)
    means = [at.effective.mean() for at in report.path.values()]
    axes.plot(steps, means, color=UNLABELLED, marker="o", markersize=3.5, label="gradient refinement")
    for words, at, color, style in (
        ("local optimum", report.local, LABELLED, "-"),
        ("encoder", report.encoder, INK, "--"),
    ):
        axes.axhline(at.effective.mean(), color=color, linestyle=style, linewidth=1.3, label=words)
    axes.set_ylim(bottom=0)
    axes.set(ylabel=f"out of {report.about.samples} draws", title="effective sample size")
    _steps(axes, steps)


def _steps(axes: Axes, steps: Sequence[int]) -> None:
    """Show steps on the scale log(1 + t), which includes 0."""
    axes.set_xscale("function", functions=(np.log1p, np.expm1))
    axes.set_xlim(min(steps) - 0.15, 1.15 * max(steps))
    axes.set_xticks(steps, [str(count) for count in steps])
    axes.set_xlabel("steps of refinement")
    axes.legend(frameon=False, fontsize=8)


def _draws(axes: Axes, report: GapReport) -> None:
    counts = list(report.curve)
    means = np.array([both.mean(axis=1) for both in report.curve.values()])
    for column, (words, color) in enumerate((("encoder's q", INK), ("q of the local optimum", LABELLED))):
        axes.plot(counts, means[:, column], color=color, marker="o", markersize=3.5, label=words)
    axes.set_xscale("log")
    shown = [str(count) if str(count)[0] == "1" or count == counts[-1] else "" for count in counts]
    axes.set_xticks(counts, shown)
    axes.set_xticks([], minor=True)
    axes.set(xlabel="draws", ylabel="nats a row", title="importance-weighted bound")
    axes.legend(frameon=False, fontsize=8)
