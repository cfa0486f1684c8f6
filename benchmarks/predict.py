"""Class probabilities of many rows by ssvae, scikit-learn's MLPClassifier, PyTorch, and by the matrix products alone.

The classifier is that of the paper's M2 on MNIST, 784-500-10, in float32; rows and probabilities are numpy
arrays. PyTorch takes the best of several chunk sizes, torch.compile has frozen weights, and both are measured with a
ReLU, too.

    python benchmarks/predict.py
    python benchmarks/predict.py --rows 10000 --rounds 5 --seconds 0.3
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import click
import interleave
import machine
import numpy as np

FEATURES, HIDDEN, CLASSES = 784, 500, 10
CHUNKS = (500, 2000, 5000, 10**6)  # rows a call that PyTorch may choose from
Predict = Callable[[np.ndarray], Any]


def made(rows: int) -> np.ndarray:
    """Return grey levels, float32 [rows, 784]."""
    return np.random.default_rng(0).random((rows, FEATURES), dtype=np.float32)


def ours() -> Predict:
    """Return predict_proba of an M2 that was trained on a few rows."""
    from ssvae import SSVAEClassifier

    sizes = {"latent": 50, "hidden": [HIDDEN], "classifier_hidden": [HIDDEN], "activation": "softplus"}
    x, y = made(300), np.where(np.arange(300) < 100, np.arange(300) % CLASSES, -1)
    return SSVAEClassifier({"name": "m2", **sizes}, regularizers=[], epochs=1, random_state=0).fit(x, y).predict_proba


def sklearn(activation: str) -> Predict:
    """Return predict_proba of MLPClassifier."""
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one iteration does not converge
        network = MLPClassifier((HIDDEN,), activation=activation, max_iter=1)
        return network.fit(made(300), np.arange(300) % CLASSES).predict_proba


def torch(activation: str, compiled: bool = False) -> Predict:
    """Return the same network in PyTorch, with the chunk size that is quickest on the first rows."""
    import torch
    from torch import nn

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    middle = nn.Softplus() if activation == "softplus" else nn.ReLU()
    network: Any = nn.Sequential(nn.Linear(FEATURES, HIDDEN), middle, nn.Linear(HIDDEN, CLASSES), nn.Softmax(-1)).eval()
    if compiled:
        import torch._inductor.config as inductor

        inductor.freezing = True
        network = torch.compile(network, dynamic=False)

    def in_chunks(x: np.ndarray, chunk: int) -> np.ndarray:
        with torch.inference_mode():
            parts = [network(part).numpy() for part in torch.from_numpy(x).split(chunk)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    best: dict[int, int] = {}

    def predict(x: np.ndarray) -> np.ndarray:
        if len(x) not in best:
            usable = [chunk for chunk in CHUNKS if chunk < 2 * len(x)][:4] or [CHUNKS[-1]]
            best[len(x)] = min([*usable, len(x)], key=lambda chunk: quickest(in_chunks, x, chunk))
        return in_chunks(x, best[len(x)])

    return predict


def quickest(function: Callable[..., Any], *arguments: Any) -> float:
    """Return the least seconds of three calls after one."""
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        function(*arguments)
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])


def products() -> Predict:
    """Return the two matrix products alone, in TensorFlow and in this package's chunks."""
    import tensorflow as tf

    from ssvae.prediction import LARGE_CHUNK, SMALL_CHUNK, WORTH_XLA

    first, last = tf.ones([FEATURES, HIDDEN]), tf.ones([HIDDEN, CLASSES])

    def predict(x: np.ndarray) -> float:
        chunk = LARGE_CHUNK if len(x) > WORTH_XLA else min(SMALL_CHUNK, len(x))
        rows, times = tf.constant(x[:chunk]), -(-len(x) // chunk)
        for _ in range(times):
            result = tf.matmul(tf.matmul(rows, first), last)
        result.numpy()
        return times * chunk / len(x)  # how much of the work this was

    return predict


CONTENDERS: dict[str, Callable[[], Predict]] = {
    "ours": ours,
    "products alone": products,
    "sklearn relu": lambda: sklearn("relu"),
    "sklearn logistic": lambda: sklearn("logistic"),
    "torch softplus": lambda: torch("softplus"),
    "torch relu": lambda: torch("relu"),
    "torch.compile softplus": lambda: torch("softplus", compiled=True),
    "torch.compile relu": lambda: torch("relu", compiled=True),
}


def work(name: str) -> None:
    """Serve one contender."""
    predict = CONTENDERS[name]()

    def prepare(cell: dict[str, Any]) -> interleave.Run:
        x = made(cell["rows"])
        began = time.perf_counter()
        predict(x)
        first = time.perf_counter() - began

        def run(count: int) -> dict[str, float]:
            shares = [predict(x) for _ in range(count)]
            return {"first": first, "count": sum(shares) if name == "products alone" else count}

        return run

    interleave.serve(prepare)


def report(rows: int, answers: dict[str, list[interleave.Answer]]) -> None:
    """Print a table for one number of rows."""
    print(f"\n{rows} rows: milliseconds (quartiles), rows a second, first call, time over ours (median of rounds)")
    for name, found in answers.items():
        middle, low, high = interleave.spread(found)
        ratio = interleave.ratios(found, answers["ours"])[1]
        rate, first = f"{1e3 * rows / middle:,.0f}", f"{1e3 * found[0]['first']:.0f} ms"
        print(f"  {name:<23}{middle:9.2f} ({low:.2f} to {high:.2f}){rate:>12}{first:>9}  {ratio:.2f}", flush=True)
    bound = interleave.spread(answers["products alone"]).median
    rate = 2e-6 * rows * HIDDEN * (FEATURES + CLASSES) / bound
    share = interleave.ratios(answers["products alone"], answers["ours"])[1]
    print(f"  products alone: {rate:.0f} GFLOP/s; ours reaches {100 * share:.0f} % of that bound")


@click.command(help=__doc__.split("\n")[0])
@click.option("--rows", default="1,100,10000,60000", help="Numbers of rows, separated by commas.")
@click.option("--rounds", default=9)
@click.option("--seconds", default=0.7, help="Of one contender's run in a round, about.")
@click.option("--only", default="", help="Contenders beside ours, separated by commas; all by default.")
@click.option("--work", "worker", default=None, hidden=True)
def main(rows: str, rounds: int, seconds: float, only: str, worker: str | None) -> None:
    if worker:
        return work(worker)
    print(machine.lines(machine.describe("tensorflow", "scikit-learn", "torch", "numpy")))
    names = [name for name in CONTENDERS if not only or name in ("ours", "products alone", *only.split(","))]
    if find_spec("torch") is None and any(name.startswith("torch") for name in names):
        raise click.ClickException("torch is not installed: pip install -e '.[bench]', or --only 'sklearn relu'")
    workers = [interleave.Worker(name, __file__, "--work", name) for name in names]
    for count in [int(text) for text in rows.split(",")]:
        report(count, interleave.compare(workers, {"rows": count}, rounds, seconds))
    for process in workers:
        process.close()


if __name__ == "__main__":
    main()
