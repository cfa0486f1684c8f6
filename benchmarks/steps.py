"""Milliseconds of a training step, by this package and by PyTorch (eager and compiled), by turns.

Nine cells: M1, M2 and the second stage of M1+M2, minibatches of 100, 500 and 2,000 rows (M2's of each stream).

    pip install -e '.[bench]'
    python benchmarks/steps.py
    python benchmarks/steps.py --check      # check that both take the same steps

Contenders: ours (XLA), ours-graph, ours-bf16, torch, torch-compile; -bf16 uses autocast, -unlocked uses MKL's kernels
for Intel processors on any processor (`unlock.py`). Measure on a machine with nothing else to do: OpenMP's
threads wait for each other at the end of every torch kernel, and where they get no core, OMP_WAIT_POLICY=passive helps.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
import unlock
from cells import BATCHES, SIZES, cells
from interleave import Answer, Progress, Worker, compare, ratios, spread
from machine import describe, lines

HERE = Path(__file__).parent
CONTENDERS = {
    "ours": ("ours.py",),
    "ours-graph": ("ours.py", "--engine", "graph"),
    "ours-bf16": ("ours.py", "--precision", "bfloat16"),
    "torch": ("torch_steps.py",),
    "torch-compile": ("torch_steps.py", "--compile"),
    "torch-bf16": ("torch_steps.py", "--bfloat16"),
    "torch-compile-bf16": ("torch_steps.py", "--compile", "--bfloat16"),
    "torch-unlocked": ("torch_steps.py",),
    "torch-compile-unlocked": ("torch_steps.py", "--compile"),
}
DEFAULT = ("ours", "ours-bf16", "torch", "torch-compile")
WIDTH = 30


def start(name: str, folder: Path) -> Worker:
    """Start a contender's process."""
    script, *arguments = CONTENDERS[name]
    variables = unlock.environment(folder) if name.endswith("-unlocked") else {}
    return Worker(name, str(HERE / script), *arguments, environment=variables)


def row(cell: dict[str, Any], answers: dict[str, list[Answer]]) -> str:
    """Return the line of one cell: median and quartiles of wall milliseconds, and CPU milliseconds, a step."""
    line = f"{cell['model']:>6} {cell['batch']:>5}"
    for name in answers:
        of, low, high = spread(answers[name])
        text = f"{of:.2f} [{low:.2f}, {high:.2f}] {spread(answers[name], 'cpu').median:.2f}"
        line += f"  {text:>{WIDTH}}"
    return line


def against(found: list[dict[str, Any]], name: str, others: list[str]) -> list[str]:
    """Return lines with the ratio of one contender's time to that of the quickest of the others, wall and CPU."""
    said = [f"{name} / the quicker of {', '.join(others)} (below 1: {name} is quicker)"]
    for key in ("wall", "cpu"):
        values, pairs, names = [], [], []
        for cell in found:
            best = min(others, key=lambda other: spread(cell["answers"][other], key).median)
            value, paired = ratios(cell["answers"][name], cell["answers"][best], key)
            values.append(value)
            pairs.append(paired)
            names.append(f"{cell['cell']['model']} {cell['cell']['batch']}")
        mean, by_turns = (float(np.exp(np.mean(np.log(each)))) for each in (values, pairs))
        cells = ", ".join(f"{where} {value:.2f}" for where, value in zip(names, values, strict=True))
        worst = int(np.argmax(values))
        said.append(
            f"  {key:>4}: geometric mean {mean:.2f} (by turns {by_turns:.2f}), worst {names[worst]} {values[worst]:.2f}"
        )
        said.append(f"        {cells}")
    return said


def summary(found: list[dict[str, Any]], names: list[str]) -> list[str]:
    """Return the ratios of this package's contenders to the torch contenders of the same precision."""
    said = []
    for low in (False, True):
        alike = [name for name in names if name.endswith("-bf16") == low]
        others = [name for name in alike if name.startswith("torch")]
        locked = [name for name in others if not name.endswith("-unlocked")]
        for name in alike if others else ():
            if name.startswith("ours"):
                for group in (locked, others) if locked and len(locked) < len(others) else (others,):
                    said += against(found, name, group)
    return said


def check(every: list[dict[str, Any]]) -> None:
    """Print the losses of both sides from the same weights, and fail where they differ."""
    from agreement import TOLERANCE, agree

    worst = 0.0
    for cell in every:
        ours, theirs, difference = agree(cell)
        worst = max(worst, difference)
        click.echo(f"{cell['model']:>6} {cell['batch']:>5}  relative difference {difference:.1e}")
        for step, pair in enumerate(zip(ours, theirs, strict=True), 1):
            click.echo("    step {}: {:.5f} {:.5f}".format(step, *pair))
    if worst > TOLERANCE:
        raise click.ClickException(f"the losses differ by {worst:.1e}, more than {TOLERANCE:.0e}")


@click.command(help=__doc__.split("\n")[0])
@click.option("--models", default=",".join(SIZES), help="Separated by commas.")
@click.option("--batches", default=",".join(map(str, BATCHES)))
@click.option("--contenders", default=",".join(DEFAULT), help=f"Of {', '.join(CONTENDERS)}.")
@click.option("--rounds", default=9)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Keep the raw numbers.")
@click.option("--check", "checks", is_flag=True, help="Compare losses in place of times.")
def main(models: str, batches: str, contenders: str, rounds: int, file: Path | None, checks: bool) -> None:
    names = contenders.split(",")
    unknown = set(names) - set(CONTENDERS)
    if unknown:
        raise click.UsageError(f"unknown contenders {', '.join(sorted(unknown))}: choose from {', '.join(CONTENDERS)}")
    if find_spec("torch") is None and (checks or any(name.startswith("torch") for name in names)):
        raise click.ClickException("torch is not installed: pip install -e '.[bench]', or --contenders ours")
    every = cells(models.split(","), [int(text) for text in batches.split(",")])
    if checks:
        check(every)
    else:
        measure(every, names, rounds, file)


def measure(every: list[dict[str, Any]], names: list[str], rounds: int, file: Path | None) -> None:
    """Print the table and keep the raw numbers."""
    machine, found, progress = describe("tensorflow", "keras", "torch", "numpy"), [], Progress(len(every))
    click.echo(f"{lines(machine)}\nmilliseconds a step: median [quartiles] of wall time, then CPU time")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers = [start(name, Path(folder)) for name in names]
        for worker in workers:
            stack.callback(worker.close)
        for cell in every:
            answers = compare(workers, cell, rounds, say=progress.of(cell))
            if not found:
                click.echo(f"{'model batch':>12}" + "".join(f"  {name:>{WIDTH}}" for name in answers))
            click.echo(row(cell, answers))
            found.append({"cell": cell, "answers": answers})
    click.echo("\n".join(summary(found, list(found[0]["answers"]))))
    if not any(name.endswith("-unlocked") for name in names) and "Intel" not in machine["processor"]:
        click.echo("torch's float32 products are AVX2 here, whatever the processor could do: see contenders -unlocked")
    if file:
        file.write_text(json.dumps({"machine": machine, "rounds": rounds, "cells": found}, indent=1))


if __name__ == "__main__":
    main()
