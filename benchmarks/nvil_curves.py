"""Learning curves of NVIL with its variance reductions added one after another, for one and two levels of 200.

python benchmarks/nvil_curves.py -o nvil_curves.png
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

NETS = ([200], [200, 200])
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


def draw(found: dict[str, list[float]], out: Path) -> None:
    """Draw the curves, one picture for each number of levels."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from ssvae.plots.run_figures import save

    figure = Figure(figsize=(8.4, 3.6), layout="constrained", dpi=110)
    for axes, latent in zip(figure.subplots(1, 2, sharey=True), NETS, strict=True):
        for name in VARIANTS:
            values = found[key(latent, name)]
            axes.plot(np.arange(1, len(values) + 1), values, label=name, linewidth=1.6)
        axes.set(title=f"SBN {'-'.join(map(str, latent))}", xlabel="epochs")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.axes[0].set_ylabel("bound of training rows (nats)")
    worst = min(values[0] for values in found.values())
    best = max(values[-1] for values in found.values())
    figure.axes[0].set_ylim(max(worst, best - 80), best + 3)
    save(figure, out)


def key(latent: list[int], name: str) -> str:
    return f"{len(latent)} level(s), {name}"


@click.command(help=__doc__.split("\n")[0])
@click.option("--epochs", default=20)
@click.option("--learning-rate", default=3e-4)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("nvil_curves.png"))
@click.option("--json", "numbers", type=click.Path(path_type=Path), help="File for the curves.")
def main(epochs: int, learning_rate: float, out: Path, numbers: Path | None) -> None:
    """Train, print the end of each curve, and draw the curves."""
    found: dict[str, list[float]] = {}
    for latent in NETS:
        for name, settings in VARIANTS.items():
            found[key(latent, name)] = curve(latent, {"name": "nvil", **settings}, epochs, learning_rate)
            click.echo(f"{key(latent, name)}: {found[key(latent, name)][-1]:.1f}")
    if numbers is not None:
        numbers.write_text(json.dumps(found), "utf-8")
    draw(found, out)


if __name__ == "__main__":
    main()
