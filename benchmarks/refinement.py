"""Cost of refinement: a training step and a bound outside training, by inference method, by turns.

M1 of 784-600-600-50. Every method draws as many z at each of its steps as the amortised one draws at its only step. The
network that iterative inference learns has the width of the encoder.

    python benchmarks/refinement.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import interleave
import machine
import numpy as np

METHODS = ("amortized", "gradient_refined", "iterative")
SETTINGS = {"gradient_refined": {"steps": 5}, "iterative": {"steps": 5, "hidden": (600, 600)}}
BATCH, ROWS = 128, 2048


def built(name: str, samples: int) -> Any:
    """Return an inference method that draws S samples at every step, in training and outside."""
    from ssvae.inference import INFERENCES

    own = {"samples": samples, "test_samples": samples, **SETTINGS[name]} if name in SETTINGS else {}
    return INFERENCES.build({"name": name, "kl_warm_up": 0.0, **own})


def training(method: Any, samples: int) -> interleave.Run:
    """Return a function that takes training steps."""
    from ours import Steps

    steps = Steps({"model": "m1", "batch": BATCH}, inference=method, samples=samples)
    steps(1)

    def run(count: int) -> None:
        steps(count)

    return run


def bounds(method: Any, samples: int) -> interleave.Run:
    """Return a function that computes the bound of many rows."""
    from ours import stage

    from ssvae import prediction
    from ssvae.gradients.enumeration import Enumeration
    from ssvae.gradients.pathwise import Pathwise
    from ssvae.objective import Objective

    part = stage("m1", update=method.update)
    x = np.random.default_rng(0).random((ROWS, 784), dtype=np.float32)
    objective = Objective(method, Pathwise(samples), Enumeration())

    def run(count: int) -> None:
        for _ in range(count):
            prediction.over_rows(part.model, prediction.bound, x, xla=True, objective=objective)

    run(1)
    return run


def worker(name: str) -> None:
    """Serve one inference method to the harness."""

    def prepare(cell: dict[str, Any]) -> interleave.Run:
        work = training if cell["what"] == "step" else bounds
        return work(built(name, cell["samples"]), cell["samples"])

    interleave.serve(prepare)


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=5)
@click.option("--samples", default="1,10", help="Draws of z a row and step.")
@click.option("--methods", default=",".join(METHODS))
def main(rounds: int, samples: str, methods: str) -> None:
    click.echo(machine.lines(machine.describe("tensorflow", "numpy")))
    cells = [{"what": what, "samples": int(s)} for what in ("step", "bound") for s in samples.split(",")]
    progress = interleave.Progress(len(cells))
    workers = [interleave.Worker(name, str(Path(__file__)), "--worker", name) for name in methods.split(",")]
    try:
        for cell in cells:
            answers = interleave.compare(workers, cell, rounds, say=progress.of(cell))
            base = answers[workers[0].name]
            words = f"training step, {BATCH} rows" if cell["what"] == "step" else f"bound of {ROWS} rows"
            click.echo(f"{words}, {cell['samples']} draws")
            for name, found in answers.items():
                wall, cpu = interleave.spread(found), interleave.spread(found, "cpu")
                ratio = [interleave.ratios(found, base, key)[0] for key in ("wall", "cpu")]
                click.echo(
                    f"  {name:>17} {wall.median:9.2f} ms [{wall.low:.2f}, {wall.high:.2f}], {cpu.median:.2f} CPU-ms; "
                    f"{ratio[0]:.2f} times amortized, CPU {ratio[1]:.2f}"
                )
    finally:
        for one in workers:
            one.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2])
    else:
        main()
