"""Peak memory of fits, of many fits and predictions in one process, and of steps with many classes.

Every case runs in its own process, whose peak (ru_maxrss) is read after the imports and after each part; the growth is
the memory that the case needs beyond the libraries.

    python benchmarks/memory.py
    python benchmarks/memory.py --only predicts,classes
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np

FEATURES = 784
FITS = 50
ROWS = (100, 1000, 5000, 20_000, 60_000)  # of the predicts, whose input is made before
CLASSES, GRADIENTS = (10, 100, 1000), ("enumeration", "auto")
MODELS = {
    "m1": {"name": "m1", "latent": 50, "hidden": [600, 600], "activation": "softplus"},
    "m2": {"name": "m2", "latent": 50, "hidden": [500], "activation": "softplus", "classifier_hidden": [500]},
    "m1_m2": {"name": "m1_m2", "m1": {"latent": 50, "hidden": [600, 600]}, "m2": {"latent": 50, "hidden": [500]}},
}


def made(rows: int, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return grey levels [rows, 784] and labels, half of them hidden."""
    rng, y = np.random.default_rng(0), np.arange(rows) % classes
    return rng.random((rows, FEATURES), dtype=np.float32), np.where(rng.permutation(rows) % 2, y, -1)


def fit(model: str, rows: int = 2000, classes: int = 10, **settings: Any) -> Any:
    """Return a classifier that was trained for one epoch, batches of 100."""
    from ssvae import SSVAEClassifier

    settings = {"regularizers": [], "epochs": 1, "batch_size": 100, "random_state": 0, **settings}
    return SSVAEClassifier(MODELS[model], **settings).fit(*made(rows, classes))


def mebibytes() -> float:
    """Return the peak of this process; Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def many_fits(say: Callable[[str], None]) -> None:
    """Fit the same classifier again and again."""
    for turn in range(FITS):
        fit("m2")
        if turn in (0, 4, 9, 19, FITS - 1):
            say(f"{turn + 1} fit(s)")


def predicts(say: Callable[[str], None]) -> None:
    """Predict growing numbers of rows, then 1000 times different numbers."""
    classifier, (x, _) = fit("m2"), made(max(ROWS))
    say(f"a fit, and {x.nbytes / 2**20:.0f} MiB of rows")
    for rows in ROWS:
        classifier.predict_proba(x[:rows])
        say(f"predict_proba of {rows} rows")
    for rows in np.random.default_rng(0).integers(1, 3000, 1000):
        classifier.predict_proba(x[:rows])
    say("and 1000 times of 1 to 3000 rows")


def cases() -> dict[str, Callable[[Callable[[str], None]], None]]:
    """Return every case by name; --only selects by the part before the colon."""
    found: dict[str, Any] = {}
    for model in MODELS:
        found[f"fit:{model}"] = lambda say, model=model: (
            fit(model),
            say("20 steps of 100 rows (and as many labelled)"),
        )
    found |= {"fits:m2": many_fits, "predicts:m2": predicts}
    for gradient in GRADIENTS:
        for classes in CLASSES:

            def step(say: Callable[[str], None], gradient: str = gradient, classes: int = classes) -> None:
                fit("m2", rows=2 * max(CLASSES), classes=classes, class_gradient=gradient)
                say("steps of 100 rows")

            found[f"classes:{gradient} {classes}"] = step
    return found


def work(name: str) -> None:
    """Run one case and print a JSON line for each part."""
    import tensorflow as tf

    import ssvae.estimator.classifier  # noqa: F401

    tf.constant(0.0) + 1.0  # what TensorFlow sets up at its first operation is no case's
    before = mebibytes()
    cases()[name](lambda part: print(json.dumps([part, mebibytes(), mebibytes() - before]), flush=True))


@click.command(help=__doc__.split("\n")[0])
@click.option("--only", default="", help="fit, fits, predicts, classes; separated by commas.")
@click.option("--work", "worker", default=None, hidden=True)
def main(only: str, worker: str | None) -> None:
    if worker:
        return work(worker)
    print(machine.lines(machine.describe("tensorflow", "ssvae")))
    print(f"{'case':<26}{'part':<48}{'peak, MiB':>10}{'growth, MiB':>13}")
    for name in cases():
        if only and name.split(":")[0] not in only.split(","):
            continue
        command = [sys.executable, str(Path(__file__)), "--work", name]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        ran = subprocess.run(command, capture_output=True, text=True, env=environment)
        for part, peak, growth in [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[")]:
            print(f"{name:<26}{part:<48}{peak:>10.0f}{growth:>13.0f}", flush=True)
        if ran.returncode:
            print(f"{name:<26}ended with code {ran.returncode}: {ran.stderr.strip().splitlines()[-1:]}", flush=True)


if __name__ == "__main__":
    main()
