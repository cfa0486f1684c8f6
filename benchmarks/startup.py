"""Seconds from start to end of a process: `import ssvae` and `ssvae --help`, by turns with Python alone.

python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time

import click
import machine
import numpy as np

LIMIT = 0.15  # seconds
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import ssvae": [sys.executable, "-c", "import ssvae"],
    "ssvae --help": [sys.executable, "-m", "ssvae", "--help"],
}


def seconds(command: list[str]) -> float:
    """Run a command and return how long it took."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=30)
def main(rounds: int) -> None:
    print(machine.lines(machine.describe("ssvae", "click")))
    for command in COMMANDS.values():
        seconds(command)  # the first run writes the byte code and fills the file cache
    found = np.array([[seconds(command) for command in COMMANDS.values()] for _ in range(rounds)])
    beyond = np.median(found - found[:, :1], axis=0)
    for name, column, extra in zip(COMMANDS, found.T, beyond, strict=True):
        low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
        verdict = "" if extra <= LIMIT else f", MORE than {LIMIT} s"
        print(f"{name:<15} {middle:.3f} s ({low:.3f} to {high:.3f}), beyond Python's own start {extra:.3f} s{verdict}")


if __name__ == "__main__":
    main()
