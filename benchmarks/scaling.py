"""Cost of training M2 against rows, features, classes and latent width, as exponents of a power law.

One of the four is varied by factors of two, the others stay. Times are those in `history_` of fits after a first one,
which compiles. The sizes take turns, and a line is fitted to the medians over the rounds in log-log scale.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --only classes --set class_gradient=topm
"""

from __future__ import annotations

import os
from typing import Any

import click
import machine
import numpy as np

BASE = {"rows": 4000, "features": 256, "classes": 10, "latent": 32}
GRIDS = {
    "rows": (1000, 2000, 4000, 8000, 16_000),
    "features": (64, 128, 256, 512, 1024),
    "classes": (2, 4, 8, 16, 32, 64),
    "latent": (8, 16, 32, 64, 128),
}
HIDDEN, BATCH, EPOCHS = 256, 100, 4


def epoch(rows: int, features: int, classes: int, latent: int, **settings: Any) -> float:
    """Return the seconds of an epoch, half of the rows labelled; later fits use what the first one has compiled."""
    from ssvae import SSVAEClassifier

    rng = np.random.default_rng(0)
    x, y = rng.random((rows, features), dtype=np.float32), np.arange(rows) % classes
    model = {"name": "m2", "latent": latent, "hidden": [HIDDEN], "classifier_hidden": [HIDDEN]}
    plain = {"regularizers": [], "class_gradient": "enumeration", "batch_size": BATCH, "epochs": EPOCHS}
    # One engine for all sizes: "auto" would change it where a fit becomes long, and with it the slope.
    classifier = SSVAEClassifier(model, random_state=0, **{"engine": "graph", **plain, **settings})
    return float(np.mean(classifier.fit(x, np.where(rng.permutation(rows) % 2, y, -1)).history_["seconds"]))


def exponent(sizes: Any, seconds: Any) -> tuple[float, float]:
    """Return the slope of log seconds over log sizes and its standard error.

    >>> [round(number, 6) for number in exponent([1, 2, 4, 8], [3, 6, 12, 24])]
    [1.0, 0.0]
    """
    x, y = np.log(sizes), np.log(seconds)
    x, y = x - x.mean(), y - y.mean()
    slope = float(x @ y / (x @ x))
    return slope, float(np.sqrt(np.square(y - slope * x).sum() / (len(x) - 2) / (x @ x)))


@click.command(help=__doc__.split("\n")[0])
@click.option("--only", default=",".join(GRIDS), help="rows, features, classes, latent; separated by commas.")
@click.option("--sizes", default="", help="Other sizes of the one that is varied, separated by commas; three or more.")
@click.option("--rounds", default=5)
@click.option(
    "--set", "assignments", multiple=True, help="An argument of SSVAEClassifier, such as class_gradient=topm."
)
def main(only: str, sizes: str, rounds: int, assignments: tuple[str, ...]) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    settings = dict(assignment.split("=", 1) for assignment in assignments)
    print(machine.lines(machine.describe("tensorflow", "ssvae")))
    print(f"M2, hidden [{HIDDEN}], batches of {BATCH}; beside the one that varies: {BASE} {settings or ''}")
    for name in only.split(","):
        grid = [int(size) for size in sizes.split(",")] if sizes else GRIDS[name]
        every = [[epoch(**{**BASE, name: size}, **settings) for size in grid] for _ in range(rounds + 1)]
        found = np.array(every[1:])  # the first round compiled
        for size, column in zip(grid, found.T, strict=True):
            low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
            print(f"  {name} {size}: {1e3 * middle:.0f} ms an epoch ({1e3 * low:.0f} to {1e3 * high:.0f})", flush=True)
        slope, error = exponent(grid, np.median(found, axis=0))
        print(f"{name}: time ~ {name}^{slope:.2f} ± {error:.2f} ({grid[0]}..{grid[-1]})", flush=True)


if __name__ == "__main__":
    main()
