"""log p(x) of test rows by importance sampling, for density models of several inference methods.

A row is one model trained without labels for a fixed number of epochs. The state is kept, so that a command that was
interrupted goes on where it stood.

    python benchmarks/likelihoods.py single-standard single-iterative --samples 5000
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

SINGLE = {"name": "m1", "latent": 64, "hidden": [512, 512], "activation": "elu"}
LEVELS = {"name": "hierarchical", "latent": [64, 32], "hidden": [512, 256], "activation": "elu", "top_down": "ladder"}
AMORTIZED = {"name": "amortized", "kl_warm_up": 0.1}
ITERATIVE = {"name": "iterative", "kl_warm_up": 0.1, "warm_start": 0.5}
COMMON = {"likelihood": "bernoulli", "batch_size": 128, "learning_rate": 1e-3}

# Row -> (data, settings of the classifier).
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "single-standard": ("mnist", {**COMMON, "model": SINGLE, "inference": AMORTIZED, "epochs": 1000}),
    "single-iterative": ("mnist", {**COMMON, "model": SINGLE, "inference": ITERATIVE, "epochs": 300}),
    "levels-standard": ("mnist", {**COMMON, "model": LEVELS, "inference": AMORTIZED, "epochs": 600}),
    "levels-iterative": ("mnist", {**COMMON, "model": LEVELS, "inference": ITERATIVE, "epochs": 200}),
}


def rows_of(data: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x and y to learn from, and the test rows; MNIST with all of its 60,000 rows."""
    from ssvae.datasets import DATASETS

    dataset = DATASETS.get(data)(**({"pool": 60_000} if data == "mnist" else {}))
    y = np.full(len(dataset.x), -1)
    y[:100] = dataset.y[:100]  # the estimator wants classes; a density does not see them
    return dataset.x, y, dataset.x_test


def train(name: str, settings: dict[str, Any], seed: int, folder: Path, x: np.ndarray, y: np.ndarray) -> Any:
    """Return the trained classifier, and keep it."""
    import ssvae
    from ssvae.callbacks import Checkpoint

    if (folder / "model").exists():
        return ssvae.load(folder / "model")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {**settings, "model": {**settings["model"], "classifier": "knn"}}
    classifier = ssvae.SSVAEClassifier(
        **wanted, random_state=seed, callbacks=[Checkpoint(folder, every=60.0)], verbose=1
    )
    begin = time.process_time()
    classifier.fit(x, y)
    seconds = sum(classifier.history_["seconds"])
    cpu = time.process_time() - begin
    (folder / "cost.json").write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu}))
    classifier.save(folder / "model")
    return classifier


@click.command(help=__doc__.split("\n")[0])
@click.argument("names", nargs=-1, required=True, type=click.Choice(sorted(ROWS)))
@click.option("--seed", default=0)
@click.option("--epochs", type=int, help="Fewer or more than the row's own.")
@click.option("--samples", default=5000, help="Importance samples a row.")
@click.option("--test-rows", default=10_000)
@click.option("--runs", default="runs/likelihoods", type=click.Path(path_type=Path))
def main(names: tuple[str, ...], seed: int, epochs: int | None, samples: int, test_rows: int, runs: Path) -> None:
    """Print a line for each row."""
    for name in names:
        data, settings = ROWS[name]
        settings = {**settings, "epochs": epochs or settings["epochs"]}
        folder = runs / f"{name}-{settings['epochs']}-{seed}"
        x, y, x_test = rows_of(data)
        classifier = train(name, settings, seed, folder, x, y)
        found = np.asarray(classifier.log_evidence(x_test[:test_rows], samples=samples, random_state=1))
        bound = classifier.bound(x_test[:test_rows], random_state=1)
        error = found.std(ddof=1) / np.sqrt(len(found))
        cost = json.loads((folder / "cost.json").read_text())
        print(
            f"{name}: -log p {-found.mean():.2f} ± {error:.2f} ({samples} samples, {len(found)} rows), -bound "
            f"{-bound.mean():.2f}; {cost['seconds']:.0f} s, {cost['cpu_seconds']:.0f} CPU-s",
            flush=True,
        )


if __name__ == "__main__":
    main()
