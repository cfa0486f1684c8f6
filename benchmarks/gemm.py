"""The share of a training step's time that its matrix products account for (the GEMM bound).

The bound is the time of the products alone (`products.py`), each at the rate that its shape reaches by itself
(`matmul.py`), measured by turns with the step; at 100 % nothing else in the step would take any time.

    python benchmarks/gemm.py
    python benchmarks/gemm.py --models m2 --batches 500 --shapes
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from cells import BATCHES, SIZES, cells
from interleave import Answer, Progress, Worker, compare, ratios, spread
from machine import describe, lines
from products import Product, multiply_adds, products

HERE = Path(__file__).parent


def report(cell: dict[str, Any], answers: dict[str, list[Answer]], shapes: bool) -> float:
    """Print the line of one cell and, on request, of each of its shapes; return the share."""
    counted = products(cell["model"], cell["batch"])
    bound, step = answers["products"], answers["step"]
    giga, (share, paired) = 2e-9 * multiply_adds(counted), ratios(bound, step)
    of, low, high = spread(step)
    alone = spread(bound).median
    click.echo(
        f"{cell['model']:>6} {cell['batch']:>5} {of:9.2f} [{low:.2f}, {high:.2f}] ms {alone:9.2f} ms "
        f"{1e3 * giga / of:7.0f} of {1e3 * giga / alone:.0f} GFLOP/s  "
        f"{100 * share:5.1f} % (by turns {100 * paired:.1f} %, CPU {100 * ratios(bound, step, 'cpu')[0]:.1f} %)"
    )
    for position, (product, times) in enumerate(counted.items() if shapes else ()):
        seconds = float(np.median([answer["parts"][position] / answer["count"] for answer in bound])) / times
        rate = 2e-9 * product.m * product.k * product.n / seconds
        click.echo(f"{times:>12} x {named(product):<32} {1e3 * seconds:8.3f} ms {rate:7.0f} GFLOP/s")
    return share


def named(product: Product) -> str:
    """Return the shapes as text; a prime marks a factor that is stored transposed."""
    m, k, n, a, b = product
    return f"[{m}, {k}]{chr(39) * a} [{k}, {n}]{chr(39) * b}"


@click.command(help=__doc__.split("\n")[0])
@click.option("--models", default=",".join(SIZES), help="Separated by commas.")
@click.option("--batches", default=",".join(map(str, BATCHES)))
@click.option("--precision", default="float32", help="Of the step; the products alone are always float32.")
@click.option("--rounds", default=9)
@click.option("--shapes", is_flag=True, help="Print the rate of every shape.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Keep the raw numbers.")
def main(models: str, batches: str, precision: str, rounds: int, shapes: bool, file: Path | None) -> None:
    found, machine = [], describe("tensorflow", "numpy")
    click.echo(f"{lines(machine)}\n model batch      step [quartiles]    products alone      reached            share")
    workers = [
        Worker("products", str(HERE / "matmul.py")),
        Worker("step", str(HERE / "ours.py"), "--precision", precision),
    ]
    try:
        every = cells(models.split(","), [int(text) for text in batches.split(",")])
        progress = Progress(len(every))
        for cell in every:
            cell["products"] = list(products(cell["model"], cell["batch"]).items())
            answers = compare(workers, cell, rounds, say=progress.of(cell))
            found.append({"cell": cell, "answers": answers, "share": report(cell, answers, shapes)})
    finally:
        for worker in workers:
            worker.close()
    click.echo(f"geometric mean {100 * np.exp(np.mean(np.log([each['share'] for each in found]))):.1f} %")
    if file:
        file.write_text(json.dumps({"machine": machine, "cells": found}, indent=1))


if __name__ == "__main__":
    main()
