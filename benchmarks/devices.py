"""A training step on one device and on two, a cost model fitted to it, and predictions for 8 GPUs and 100 workers.

Contenders take turns: one process; one process with two logical CPU devices; two processes on 127.0.0.1. Each kernel
uses one thread. The model (`step_cost.py`) is fitted to the batches that are not `--held-out` and checked on those that
are. Rates of other hardware are from data sheets and assumptions, which are options; nothing was run on it.

    python benchmarks/devices.py --json devices.json
    python benchmarks/devices.py --measured devices.json      # predict again from kept measurements
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import devices_predictions
import devices_report
import machine
from cells import SIZES, cells
from interleave import Answer, Progress, Worker, compare

from ssvae.distributed import cluster, launch

SCRIPT = str(Path(__file__).with_name("replicas.py"))
THREADS = {"TF_NUM_INTRAOP_THREADS": "1"}
FLOATS = (1000, 300_000, 1_000_000, 3_000_000)  # the third is held out
SECONDS = 0.25  # of a run


class Team:
    """A contender of `interleave.compare` that consists of two workers.

    Parameters
    ----------
    name : str
    arguments : str
        Script and its arguments.
    """

    def __init__(self, name: str, *arguments: str) -> None:
        self.name, addresses = name, launch._addresses(2)
        places = [cluster.Cluster(addresses, number) for number in range(2)]
        self._workers = [
            Worker(name, *arguments, environment={**THREADS, "TF_CONFIG": cluster.write(place)}) for place in places
        ]

    def ask(self, order: dict[str, Any]) -> Answer:
        """Send an order to both; return the longer wall time, and the processor time of both together."""
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda worker: worker.ask(order), self._workers))
        if "run" not in order:
            return answers[0]
        return {**answers[0], "wall": max(a["wall"] for a in answers), "cpu": sum(a["cpu"] for a in answers)}

    def close(self) -> None:
        """End both processes."""
        for worker in self._workers:
            worker.close()


def measure(every: list[dict[str, Any]], rounds: int, keep: Callable[[dict[str, Any]], None]) -> None:
    """Measure steps and sums of every contender; call `keep` with the answers after each cell, as it takes long."""
    sums = [{"floats": floats} for floats in FLOATS]
    progress = Progress(len(every) + len(sums))
    found: dict[str, Any] = {"machine": machine.describe("tensorflow", "ssvae"), "steps": [], "sums": []}
    with ExitStack() as stack:
        team = [
            Worker("one", SCRIPT, environment=THREADS),
            Worker("devices", SCRIPT, "--strategy", "mirrored", environment=THREADS),
            Team("processes", SCRIPT, "--strategy", "multiworker"),
        ]
        for worker in team:
            stack.callback(worker.close)
        for kind, those, asked in (("sums", sums, team[2:]), ("steps", every, team)):
            for cell in those:
                answers = compare(asked, cell, rounds, SECONDS, progress.of(cell))
                found[kind].append({**cell, "answers": answers})
                keep(found)


@click.command(help=__doc__.split("\n")[0])
@click.option("--batches", default="20,100", help="Rows of each stream that the model is fitted to.")
@click.option("--held-out", default="200", help="Rows of each stream that it is checked on.")
@click.option("--rounds", default=3, help="0: data sheets alone, nothing is measured.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Keep the raw numbers.")
@click.option("--measured", type=click.Path(exists=True, path_type=Path), help="Take these, and measure nothing.")
@click.option("--flops", default=19.5e12, help="Of a GPU, float32; NVIDIA's A100 data sheet.")
@click.option("--memory", default=2.039e12, help="Bytes a second of a GPU's memory; A100 80GB SXM, same sheet.")
@click.option(
    "--link", default=300e9, help="Bytes a second one way between GPUs; NVLink, half of 600 GB/s, same sheet."
)
@click.option("--share", default=0.3, help="Of these rates that small products reach; assumed.")
@click.option("--launch", default=5e-6, help="Seconds a kernel; assumed.")
@click.option("--kernels", default=300, help="Of a step; assumed.")
@click.option("--gpu-hop", default=10e-6, help="Seconds of a hop between GPUs of one machine; assumed.")
@click.option("--network", default=1.25e9, help="Bytes a second between workers: Ethernet of 10 Gbit/s.")
@click.option("--hop", default=50e-6, help="Seconds of a hop between workers, beside processor time; assumed.")
@click.option("--spread", default=0.1, help="Standard deviation of the logarithm of step times; assumed.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("scaling.png"))
def main(
    batches: str, held_out: str, rounds: int, file: Path | None, measured: Path | None, out: Path, **given: Any
) -> None:
    kept, checked = ([int(text) for text in words.split(",")] for words in (batches, held_out))
    found: dict[str, Any] = json.loads(measured.read_text()) if measured else {}

    def keep(new: dict[str, Any]) -> None:
        found.update(new)
        if file:
            file.write_text(json.dumps(found, indent=1))

    kinds = devices_predictions.sheets(given)
    devices_predictions.report(kinds)
    if rounds and not measured:
        measure(cells(SIZES, kept + checked), rounds, keep)
    if found:
        here = devices_predictions.cores(*devices_report.report(found, checked), given)
        devices_predictions.report(here)
        kinds |= here
    devices_predictions.draw(kinds, out)


if __name__ == "__main__":
    main()
