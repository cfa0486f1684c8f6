"""CPU time between fit(X) and the first training step: checks, preprocessing and whatever else passes over X.

python benchmarks/data_path.py --rows 200000 --columns 784 --likelihood gaussian
"""

import argparse
import contextlib
import time

import numpy as np

from ssvae import SSVAEClassifier
from ssvae.training.callbacks import Callback


class Begun(Exception):
    """The first stage begins."""


class Stop(Callback):
    """Ends the fit where training begins."""

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """See `Callback.stage_begin`."""
        raise Begun


def seconds(x: np.ndarray, y: np.ndarray, likelihood: str) -> tuple[float, float]:
    """Return CPU and wall-clock seconds from the call to the first step."""
    settings = {"likelihood": likelihood, "regularizers": [], "callbacks": [Stop()], "random_state": 0}
    cpu, wall = time.process_time(), time.perf_counter()
    with contextlib.suppress(Begun):
        SSVAEClassifier("m2", **settings).fit(x, y)
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    """Measure in memory, the middle of five after one that warms up."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--columns", type=int, default=784)
    options.add_argument("--likelihood", default="auto")
    given = options.parse_args()
    x = np.random.default_rng(0).random((given.rows, given.columns), np.float32)
    y = np.full(given.rows, -1)
    y[:100] = np.arange(100) % 10
    seconds(x[:1000], y[:1000], given.likelihood)
    cpu, wall = np.median([seconds(x, y, given.likelihood) for _ in range(5)], axis=0)
    print(f"{given.rows} x {given.columns} float32, {given.likelihood}: {cpu:.2f} s CPU, {wall:.2f} s wall")


if __name__ == "__main__":
    main()
