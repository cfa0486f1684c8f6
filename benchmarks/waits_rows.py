"""The rows of `waits.py`: each a function without arguments that runs in a process of its own and returns numbers.

To add one, write the function, name it in `ROWS`, and put what its numbers must reach in `REACH`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

Numbers = dict[str, float]
CALLS = 200  # of predict
WRONG = {  # command lines that must fail, by what is wrong
    "column": ["fit", "--data", "table.csv", "--target", "wrong"],
    "data set": ["fit", "--dataset", "mnits"],
    "number of labels": ["fit", "--data", "table.csv", "--target", "y", "--labels", "7000"],
    "setting": ["fit", "--data", "table.csv", "--target", "y", "--labels", "9", "--set", "classifier.alpha=-1"],
    "run": ["predict", "no-such-run", "table.csv"],
}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU-seconds of work, of all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def of_command(arguments: list[str], folder: str, code: int = 0) -> float:
    """Return the CPU-seconds of `ssvae` with these arguments, from its start to its end."""

    def used() -> float:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    began = used()
    ran = subprocess.run([sys.executable, "-m", "ssvae", *arguments], cwd=folder, capture_output=True, text=True)
    if ran.returncode != code:
        raise RuntimeError(f"ssvae {' '.join(arguments)} ended with code {ran.returncode}: {ran.stderr[-1000:]}")
    return used() - began


def made(rows: int, columns: int, classes: int = 3, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Return normal rows of some classes, 30 of a class with a label."""
    rng, y = np.random.default_rng(0), np.arange(rows) % classes
    x = rng.normal(size=(rows, columns)).astype(dtype) + (rng.normal(size=(classes, columns)) * 2)[y].astype(dtype)
    return x, np.where(np.arange(rows) < 30 * classes, y, -1)


def wrong() -> Numbers:
    """Run commands whose input is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        x, y = made(200, 10)
        lines = ["a,b,c,d,e,f,g,h,i,j,y", *(",".join(map(str, [*row, k])) for row, k in zip(x, y, strict=True))]
        (Path(folder) / "table.csv").write_text("\n".join(lines) + "\n")
        return {f"error of a wrong {what}, CPU-s": of_command(call, folder, 1) for what, call in WRONG.items()}


def command() -> Numbers:
    """Run the main job from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        return {"ssvae fit --labels 100, CPU-s": of_command(["fit", "--labels", "100", "--seed", "3"], folder)}


def small_fit() -> Numbers:
    """Fit a small table twice, after the import."""
    from ssvae import SSVAEClassifier

    x, y = made(200, 10)
    first, again = (cpu_seconds(lambda: SSVAEClassifier(random_state=0).fit(x, y)) for _ in range(2))
    return {"default fit of 200 x 10, CPU-s": first, "the same again, CPU-s": again}


def refit() -> Numbers:
    """Fit rows of 64 columns, and then others, of which M1 keeps another number of latents."""
    from ssvae import SSVAEClassifier

    x, y = made(300, 64)
    found = {}
    for name, threshold in (("first", 0.3), ("with other latents kept", 0.4)):
        model = {"name": "m1_m2", "threshold": threshold}
        classifier = SSVAEClassifier(model, regularizers=[], epochs=5, random_state=0)
        found[f"fit of 300 x 64, {name}, CPU-s"] = cpu_seconds(lambda: classifier.fit(x, y))  # noqa: B023
        found[f"latents kept, {name}"] = len(classifier.model_.active)
    return found


def one_row() -> Numbers:
    """Predict one row of 64 columns many times, by the default model and by M2."""
    from ssvae import SSVAEClassifier

    x, y = made(300, 64)
    found = {}
    for name, words in (("m1_m2", "the default model"), ("m2", "M2")):
        classifier = SSVAEClassifier(name, regularizers=[], epochs=1, random_state=0).fit(x, y)
        classifier.predict(x[:1])
        began = time.process_time()
        for row in range(CALLS):
            classifier.predict(x[row : row + 1])
        found[f"one row by {words}, CPU-ms"] = 1e3 * (time.process_time() - began) / CALLS
    return found


def sample_again() -> Numbers:
    """Sample the posterior of a net of two levels twice, of other rows the second time."""
    import tensorflow as tf
    from tensorflow_probability import distributions as tfd

    from ssvae.bayes_nets import BayesNet, Gaussian, Observed
    from ssvae.bayes_nets.sampling import sample

    weights = np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)
    seen = Observed(lambda z: tfd.Normal(tf.linalg.matmul(z, weights), 1.0))
    net = BayesNet(h=Gaussian(5), z=Gaussian(5, lambda h: h, 0.5), x=seen)
    data = [{"x": net.sample((1,), seed)["x"]} for seed in range(2)]
    first, again = (cpu_seconds(partial(sample, net, x, seed=1)) for x in data)
    return {"sample(net), CPU-s": first, "sample(net) the second time, CPU-s": again}


def elbo_gap() -> Numbers:
    """Measure the gaps of 100 rows of 64 columns twice."""
    from ssvae import SSVAEClassifier

    x, y = made(400, 64)
    classifier = SSVAEClassifier(regularizers=[], epochs=2, random_state=0).fit(x[:300], y[:300])
    first, again = (cpu_seconds(lambda: classifier.elbo_gap(x[300:])) for _ in range(2))
    return {"elbo_gap of 100 rows, CPU-s": first, "elbo_gap the second time, CPU-s": again}


def on_a_sheet(rows: int, columns: int) -> np.ndarray:
    """Return rows around a curved sheet of 8 dimensions, in ten classes."""
    rng, y = np.random.default_rng(0), np.arange(rows) % 10
    h = rng.normal(size=(rows, 8)) + (rng.normal(size=(10, 8)) * 2)[y]
    x = np.tanh(h @ rng.normal(size=(8, 64)) / 3) @ rng.normal(size=(64, columns)) / 8
    return (x + 0.1 * rng.normal(size=x.shape)).astype(np.float32)


def neighbours() -> Numbers:
    """Find ten neighbours of each row, and count the true ones of 500 rows."""
    from sklearn.neighbors import NearestNeighbors

    from ssvae.datasets.load import load_dataset
    from ssvae.regularizers.nearest_neighbors import nearest

    tables = {
        "64,000 x 10": lambda: on_a_sheet(64_000, 10),
        "64,000 x 50": lambda: on_a_sheet(64_000, 50),
        "64,000 x 50 independent": lambda: made(64_000, 50)[0],
        "MNIST, 50,000 x 784": lambda: load_dataset("mnist").x,
    }
    found = {}
    for name, make in tables.items():
        x = make()
        rows = np.random.default_rng(1).choice(len(x), 500, replace=False)
        began = time.process_time()
        near = nearest(x, 10)
        found[f"neighbours of {name}, CPU-s"] = time.process_time() - began
        true = NearestNeighbors(n_neighbors=11).fit(x).kneighbors(x[rows], return_distance=False)
        shares = [len({*near[row]} & {*(own[own != row][:10])}) / 10 for row, own in zip(rows, true, strict=True)]
        found[f"neighbours of {name}, recall"] = float(np.mean(shares))
    return found


def growth(work: Callable[[], object]) -> float:
    """Return by how many bytes the memory of this process grows at most in the course of work (Linux)."""

    def known(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    before = known("VmRSS")
    work()
    return known("VmHWM") - before


def copies() -> Numbers:
    """Measure the memory of fits of images beside the images themselves, once all is compiled."""
    from ssvae import SSVAEClassifier

    def fit(x: np.ndarray) -> None:
        y = np.where(np.arange(len(x)) < 100, np.arange(len(x)) % 10, -1)
        model = {"name": "m2", "latent": 5, "hidden": [50]}
        settings = {"epochs": 1, "batch_size": 1000, "regularizers": [], "engine": "graph", "random_state": 0}
        SSVAEClassifier(model, **settings).fit(x, y)

    x = np.random.default_rng(0).integers(0, 256, (60_000, 784)).astype(np.float32) / np.float32(255)
    for few in (x[:8000], x[:8000].astype(np.float64) * 3.0):
        fit(few)  # what is compiled is no copy of X
    found = 1.0 + growth(lambda: fit(x)) / x.nbytes
    doubles = x.astype(np.float64) * 3.0  # no grey levels: standardised
    return {
        "copies of X in a fit of 60,000 x 784": found,
        "copies of float64 X, standardised, as float32": 2.0 + growth(lambda: fit(doubles)) / x.nbytes,
    }


ROWS: dict[str, Callable[[], Numbers]] = {
    "wrong": wrong,
    "command": command,
    "small_fit": small_fit,
    "copies": copies,
    "one_row": one_row,
    "sample_again": sample_again,
    "elbo_gap": elbo_gap,
    "neighbours": neighbours,
    "refit": refit,
}

# Number -> what it must reach.
REACH = {
    **{f"error of a wrong {what}, CPU-s": "1.5" for what in WRONG},
    "ssvae fit --labels 100, CPU-s": "20",
    "default fit of 200 x 10, CPU-s": "3",
    "the same again, CPU-s": "1.5",
    "one row by the default model, CPU-ms": "1.5",
    "one row by M2, CPU-ms": "0.5",
    "sample(net) the second time, CPU-s": "1",
    "elbo_gap of 100 rows, CPU-s": "6",
    "neighbours of 64,000 x 50, CPU-s": "5",
    "copies of X in a fit of 60,000 x 784": "1",
    "copies of float64 X, standardised, as float32": "3",
}
