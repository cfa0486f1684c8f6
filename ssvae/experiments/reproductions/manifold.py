"""The MNIST example of the slides: a net of two latents learnt by Monte Carlo EM and by AEVB.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013): slides.
Auto-encoding variational Bayes (Kingma and Welling, 2014): AEVB, and its figure 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ssvae.experiments.reproductions.base import Measurement, Progress, Row, RowResult, data, train
from ssvae.experiments.reproductions.curve import log_p
from ssvae.experiments.reproductions.measures import density
from ssvae.settings.checks import Settings

if TYPE_CHECKING:
    from ssvae.models.m1 import M1

SIDE = 20  # images along a side of the square
POINTS = 100  # of the quadrature along each latent; twice as many show whether it has converged
ROWS = 1000  # that importance samples are drawn for
MODEL: Settings = {"name": "m1", "latent": 2, "hidden": [500], "activation": "tanh"}
MCEM: Settings = {"batch_size": 200, "proposals": 256, "leapfrog": 3, "updates": 2, "learning_rate": 5e-3}
AEVB = {
    "likelihood": "bernoulli", "inference": {"name": "amortized", "kl_warm_up": 0.0}, "gradient": "pathwise",
    "batch_size": 100, "learning_rate": 2e-3,
}  # fmt: skip


class Manifold(NamedTuple):
    """z ~ N(0, I) of 2 numbers, x ~ Bernoulli(sigmoid(W₂ tanh(W₁ z + b₁) + b₂)); both methods for equal time."""

    model: Mapping[str, object] = MODEL
    epochs: int = 15  # of Monte Carlo EM
    rivals: float = 3.0  # epochs of AEVB in the time of one of these
    data: str = "binarized_mnist"
    paper: str = "a picture: every digit somewhere on the square"

    def shortened(self, epochs: int) -> Manifold:
        """Return the row with both methods trained for less or more, at equal time."""
        return self._replace(epochs=epochs)

    def run(
        self,
        name: str,
        folder: Path,
        measurement: Measurement,
        data_dir: str | None = None,
        progress: Progress | None = None,
    ) -> RowResult:
        """Learn by both; return log p by quadrature, AEVB's bound and costs, and draw both squares."""
        from ssvae.experiments.reproductions.by_mcem import learn

        settings = {**AEVB, "model": self.model, "epochs": max(1, round(self.rivals * self.epochs))}
        row = Row(self.data, settings, "density", self.paper)
        x, x_held, x_test = data(row, data_dir)
        steps = self.epochs * (len(x) // min(MCEM["batch_size"], len(x)))
        chained, cost = learn(self.model, MCEM, x, folder / "mcem", measurement.seed, [steps], progress)
        classifier, other = train(row, folder / "aevb", x, measurement.seed)
        rows = (x_held if measurement.held_out else x_test)[: measurement.rows]
        part = "validation rows" if measurement.held_out else "test rows"
        found: RowResult = {"row": name, "paper": self.paper, "epochs": self.epochs}
        for method, model, spent in (("mcem", chained, cost), ("aevb", classifier.model_, other)):
            found |= _measured(method, model, rows) | {f"{method}_{key}": value for key, value in spent.items()}
            _save_square(model, folder / f"{method}.png")
        sampled = density(classifier, rows[:ROWS], measurement.samples)
        found |= {f"aevb_{key}": value for key, value in sampled.items()}
        return {**found, "measured": f"{len(rows)} {part}, importance samples on the first {len(rows[:ROWS])}"}


def _measured(method: str, model: M1, rows: np.ndarray) -> dict[str, float]:
    """Return −log p by quadrature, and by how much half of the points along each latent exceeds it."""
    coarse, fine = (-log_p(model, rows, n * POINTS).mean() for n in (1, 2))
    return {f"{method}_negative_log_p": float(fine), f"{method}_coarse": float(coarse - fine)}


def _save_square(model: M1, path: Path) -> None:
    """Draw p(x = 1 | z) over a grid of equal masses of p(z)."""
    import tensorflow as tf

    from ssvae.bayes_nets.grid_quadrature import grid
    from ssvae.bayes_nets.of_model import of_model
    from ssvae.plots.primitives import image_grid
    from ssvae.plots.run_figures import save

    pixels = model.decode({"z": tf.constant(grid(of_model(model), SIDE))}).mean().numpy()
    side = round(np.sqrt(pixels.shape[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    save(image_grid(pixels.reshape(SIDE, SIDE, side, side)), path)
