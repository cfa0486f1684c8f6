"""Learning curves of one net with three latents by AEVB, wake-sleep, Monte Carlo likelihood and Monte Carlo EM.

References
----------
Auto-encoding variational Bayes (Kingma and Welling, 2014): appendix E and figure 3.
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013): the last two.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ssvae.experiments.reproductions.base import Cost, Measurement, Progress, Row, RowResult, data, train
from ssvae.experiments.reproductions.curve import Curve, doublings, log_p
from ssvae.settings.checks import Settings

if TYPE_CHECKING:
    from ssvae.models.m1 import M1

MEASURED = 1000  # of the training rows, and of others, the first ones
POINTS = 32  # of the quadrature along each latent
CHECKED = 200  # rows on which twice the points are tried at the end
BATCH, RATE = 100, 2e-3
MODEL: Settings = {"name": "m1", "latent": 3, "hidden": [100], "activation": "tanh"}
PLAIN = {"name": "amortized", "kl_warm_up": 0.0}
CLASSIFIERS: dict[str, Settings] = {
    "aevb": {"inference": PLAIN, "gradient": "pathwise"},
    "wake_sleep": {"inference": PLAIN, "gradient": "wake_sleep"},
    "mc_likelihood": {"inference": {"name": "mc_likelihood", "samples": 500, "shared": True}},
}
CHAINS: dict[str, Settings] = {
    "mcem": {"leapfrog": 10, "updates": 5},
    "mcem_proposals": {"leapfrog": 3, "updates": 2, "proposals": 256},
}
LABELS = {
    "aevb": "AEVB",
    "wake_sleep": "wake-sleep",
    "mc_likelihood": "Monte Carlo likelihood",
    "mcem": "Monte Carlo EM",
    "mcem_proposals": "Monte Carlo EM with proposals",
}
COLORS = dict(zip(LABELS, ("#1d4ed8", "#15803d", "#7c3aed", "#c2410c", "#ca8a04"), strict=True))


class Learning(NamedTuple):
    """z ~ N(0, I) of 3 numbers, x ~ Bernoulli of a network with 100 hidden units; every method has the same rows."""

    model: Mapping[str, object] = MODEL
    rows: tuple[int, ...] = (1000, 50_000)  # numbers of training rows
    epochs: int = 16  # with the most rows; with fewer, as many more as see the same number of samples
    chained: int = 8  # of Monte Carlo EM, a sample of which costs several times more
    data: str = "binarized_mnist"
    paper: str = "a figure: AEVB ahead of wake-sleep throughout, and of MCEM, which does not scale to 50,000 rows"

    def shortened(self, epochs: int) -> Learning:
        """Return the row with other numbers of samples."""
        return self._replace(epochs=epochs, chained=max(1, epochs // 2))

    def run(
        self,
        name: str,
        folder: Path,
        measurement: Measurement,
        data_dir: str | None = None,
        progress: Progress | None = None,
    ) -> RowResult:
        """Learn by each method; return −log p at the end, of training rows and of others, and draw the curves."""
        x, x_held, x_test = data(self._row("aevb", max(self.rows)), data_dir)
        others = (x_held if measurement.held_out else x_test)[: min(MEASURED, measurement.rows)]
        found: RowResult = {"row": name, "paper": self.paper, "epochs": self.epochs}
        curves: dict[int, dict[str, Curve]] = {rows: {} for rows in self.rows}
        for rows in self.rows:
            for method in LABELS:
                curve = self._curve(method, folder / f"{method}-{rows}", x[:rows], others)
                learnt, cost = self._learnt(method, curve, x[:rows], measurement.seed, progress)
                numbers = _end(curve, learnt) | cost
                found |= {f"{method}_{rows}_{key}": value for key, value in numbers.items()}
                curves[rows][method] = curve
        _save_figure(curves, folder / "learning.png")
        part = "validation rows" if measurement.held_out else "test rows"
        return {**found, "measured": f"{len(others)} {part}, and the first {MEASURED} learnt from"}

    def _row(self, method: str, rows: int) -> Row:
        settings = {**CLASSIFIERS[method], "likelihood": "bernoulli", "model": self.model, "batch_size": BATCH}
        settings |= {"learning_rate": RATE, "epochs": self.epochs * max(self.rows) // rows}
        return Row(self.data, settings, "density", self.paper)

    def _curve(self, method: str, folder: Path, x: np.ndarray, others: np.ndarray) -> Curve:
        """Return the curve of a method, whose marks are steps of Monte Carlo EM and epochs of the others."""
        chains, most = method in CHAINS, max(self.rows)
        unit = min(BATCH, len(x)) if chains else len(x)
        marks = {mark * most // unit: mark * most for mark in doublings(self.chained if chains else self.epochs)}
        return Curve(folder / "curve.json", marks, (x[:MEASURED], others), POINTS)

    def _learnt(
        self, method: str, curve: Curve, x: np.ndarray, seed: int, progress: Progress | None
    ) -> tuple[M1, Cost]:
        """Return the model that a method learns, now or before, and its cost."""
        folder = curve.path.parent
        if method not in CHAINS:
            classifier, cost = train(self._row(method, len(x)), folder, x, seed, callbacks=[curve])
            return classifier.model_, cost
        from ssvae.experiments.reproductions.by_mcem import learn

        settings = {**CHAINS[method], "batch_size": BATCH, "learning_rate": RATE}
        return learn(self.model, settings, x, folder, seed, sorted(curve.marks), progress, curve)


def _end(curve: Curve, model: M1) -> dict[str, float]:
    """Return −log p at the end of a curve, and how far twice the points would change it."""
    learnt, others = -curve.values()[1][-1]
    rows = curve.rows[-1][:CHECKED]
    coarse, fine = (-log_p(model, rows, n * POINTS).mean() for n in (1, 2))
    return {"negative_log_p_learnt": learnt, "negative_log_p": others, "coarse": float(coarse - fine)}


def _save_figure(curves: Mapping[int, Mapping[str, Curve]], path: Path) -> None:
    """Draw mean log p against samples seen, a panel for each number of training rows."""
    from matplotlib.figure import Figure

    from ssvae.plots.run_figures import save

    figure = Figure(figsize=(8.4, 3.8), layout="constrained", dpi=120)
    for axes, (rows, methods) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        for method, curve in methods.items():
            seen, values = curve.values()
            axes.plot(seen, values[:, 0], color=COLORS[method], linewidth=1.0, linestyle="--")
            axes.plot(seen, values[:, 1], color=COLORS[method], linewidth=1.6, label=LABELS[method])
        axes.set(title=f"{rows:,} training rows", xlabel="samples seen, thousands", xscale="log")
        marks = sorted({int(samples) for curve in methods.values() for samples in curve.values()[0]})
        axes.set_xticks(marks, [f"{mark / 1000:g}" for mark in marks])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("log p(x), nats (dashed: training rows)")
    figure.axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path)
