"""Learning curves of NVIL with its variance reductions put in one after another, one and two levels of 200.

python benchmarks/nvil_curves.py --epochs 40 -o nvil_curves.png
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

OFF = {"running_mean": False, "input_baseline": False, "normalization": False}
VARIANTS = {
    "none": OFF,
    "constant baseline": {**OFF, "running_mean": True},
    "and input-dependent": {**OFF, "running_mean": True, "input_baseline": True},
    "and normalised": {},
}


def curve(latent: list[int], gradient: dict[str, Any], epochs: int, learning_rate: float) -> list[float]:
    """Return the bound of the training rows after each epoch, nats."""
    from ssvae import SSVAEClassifier
    from ssvae.datasets import DATASETS

    x = DATASETS.get("binarized_mnist")().x
    y = np.full(len(x), -1)
    y[:2] = 0, 1
    model = {"name": "sbn", "latent": latent, "classifier": {"name": "knn", "n_neighbors": 1}}
    settings = {"epochs": epochs, "batch_size": 100, "learning_rate": learning_rate, "schedule": "constant"}
    settings["inference"] = {"name": "amortized", "kl_warm_up": 0.0}
    settings |= {"likelihood": "bernoulli", "gradient": gradient, "random_state": 0}
    fitted = SSVAEClassifier(model, **settings).fit(x, y)
    return fitted.history_["unlabelled_bound"]


@click.command(help=__doc__.split("\n")[0])
@click.option("--epochs", default=40)
@click.option("--learning-rate", default=3e-4)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("nvil_curves.png"))
@click.option("--json", "numbers", type=click.Path(path_type=Path), help="File for the curves.")
def main(epochs: int, learning_rate: float, out: Path, numbers: Path | None) -> None:
    """Train, print where each curve ends, and draw them."""
    from matplotlib.figure import Figure

    from ssvae.gallery import save

    figure = Figure(figsize=(8.4, 3.6), layout="constrained", dpi=130)
    found: dict[str, list[float]] = {}
    for axes, latent in zip(figure.subplots(1, 2, sharey=True), ([200], [200, 200]), strict=True):
        for name, settings in VARIANTS.items():
            key = f"{len(latent)} level(s), {name}"
            found[key] = curve(latent, {"name": "nvil", **settings}, epochs, learning_rate)
            axes.plot(np.arange(1, epochs + 1), found[key], label=name, linewidth=1.6)
            click.echo(f"{key}: {found[key][-1]:.1f}")
        axes.set(title=f"{'-'.join(map(str, latent))}", xlabel="epochs")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.axes[0].set_ylabel("bound (nats a row)")
    worst = min(values[0] for values in found.values())
    best = max(values[-1] for values in found.values())
    figure.axes[0].set_ylim(max(worst, best - 80), best + 3)
    save(figure, out)
    if numbers is not None:
        numbers.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
