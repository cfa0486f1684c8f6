"""What a user waits for around the training steps: CPU-seconds, milliseconds and MiB of two checkouts, by turns.

    python benchmarks/waits.py
    python benchmarks/waits.py command predict --before ../older --rounds 5 --keep waits.jsonl

`waits_rows.py` has the rows. Every measurement is a process of its own, with the interpreter of the checkout that it
measures (CHECKOUT/.venv); the checkouts take turns, and a number is the median of its rounds. CPU-seconds are of all
threads, and of a command from its start to its end. With --keep, what was measured before is not measured again, but
for checkouts with changes that are not committed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
import machine
from waits_rows import REACH, ROWS, Numbers

HERE = Path(__file__).resolve().parents[1]


class Checkout(NamedTuple):
    """A checkout of the repository, which `pip install -e .` has installed in its own environment."""

    folder: Path
    commit: str

    @classmethod
    def of(cls, folder: Path) -> Checkout:
        """Return the checkout in a folder; where there are changes that are not committed, the name says so."""
        git = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"]
        return cls(folder, subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip())

    @property
    def python(self) -> str:
        """Path of its interpreter."""
        own = self.folder / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable


def measure(row: str, checkout: Checkout) -> Numbers:
    """Return the numbers of a row in one process of a checkout."""
    command = [checkout.python, str(Path(__file__)), "--work", row]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=checkout.folder)
    if ran.returncode:
        raise click.ClickException(f"{row} of {checkout.folder}:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout.splitlines()[-1])


def known(keep: Path | None) -> list[dict[str, Any]]:
    """Return what was measured before, of commits."""
    found = [json.loads(line) for line in keep.read_text().splitlines()] if keep and keep.exists() else []
    return [one for one in found if not one["commit"].endswith("-dirty")]


def table(found: list[dict[str, Any]], checkouts: list[Checkout]) -> str:
    """Return the medians of every number, a column a checkout."""
    lines = [f"{'':<48}{''.join(f'{one.commit[:12]:>14}' for one in checkouts)}{'reach':>10}"]
    for name in dict.fromkeys(name for one in found for name in one["numbers"]):
        cells = []
        for checkout in checkouts:
            own = [one["numbers"] for one in found if one["commit"] == checkout.commit]
            values = [numbers[name] for numbers in own if name in numbers]
            cells.append(f"{median(values):.4g} ({len(values)})" if values else "-")
        lines.append(f"{name:<48}{''.join(f'{cell:>14}' for cell in cells)}{REACH.get(name, ''):>10}")
    return "\n".join(lines)


@click.command(help=__doc__.split("\n")[0])
@click.argument("rows", nargs=-1, type=click.Choice([*ROWS]))
@click.option("--before", type=click.Path(exists=True, path_type=Path), help="Another checkout, in the first column.")
@click.option("--rounds", default=3)
@click.option("--keep", type=click.Path(path_type=Path), help="Raw numbers, a JSON line a process.")
@click.option("--work", "worker", default=None, hidden=True)
def main(rows: tuple[str, ...], before: Path | None, rounds: int, keep: Path | None, worker: str | None) -> None:
    if worker:
        return print(json.dumps(ROWS[worker]()))
    print(machine.lines(machine.describe("tensorflow", "ssvae")))
    checkouts = [Checkout.of(folder.resolve()) for folder in ([before] if before else []) + [HERE]]
    found, chosen = known(keep), rows or tuple(ROWS)
    for row in chosen:
        for turn in range(rounds):
            for checkout in checkouts:
                key = {"row": row, "commit": checkout.commit, "round": turn}
                if any(key.items() <= one.items() for one in found):
                    continue
                found.append({**key, "numbers": measure(row, checkout)})
                if keep:
                    with keep.open("a") as file:
                        print(json.dumps(found[-1]), file=file)
    print(table([one for one in found if one["row"] in chosen], checkouts))


if __name__ == "__main__":
    main()
