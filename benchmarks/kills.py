"""Kill `ssvae fit` at random moments and resume it, again and again, and compare with a run left in peace.

Processes get SIGKILL after a random time and are started again with --resume until the run is finished; then the next
run begins, until enough have been killed. Weights, history and metrics (all but the seconds)
are compared with those of one uninterrupted run of the same settings, bit by bit.

    python benchmarks/kills.py
    python benchmarks/kills.py --kills 5 --seed 1
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np

import ssvae.artefact  # noqa: F401 (with TensorFlow, once for all)
from ssvae.cli.main import main as main_command

FIT = ["ssvae", "fit", "--dataset", "digits", "--labels", "100", "--config", "digits"]
SETTINGS = {  # M1 and then M2, with all that a resumed run has to take up again
    "cosine, KL warm-up": ["classifier.schedule=cosine", "classifier.inference.kl_warm_up=0.3"],
    "constant rate, early stopping": ["classifier.schedule=constant", "classifier.early_stopping={every: 10}"],
}


def start(folder: Path, settings: list[str], epochs: str) -> int:
    """Start `ssvae fit` in a process of its own, which goes on with the run in the folder if there is one.

    Processes are forked from this one, which has imported TensorFlow and never runs it: that saves the import.
    """
    command = [*FIT, "--out", str(folder), "--resume"]
    for setting in (*settings, f"classifier.epochs={epochs}"):
        command += ["--set", setting]
    child = os.fork()
    if child:
        return child
    said = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.argv = command
    try:
        main_command()
    except SystemExit as end:
        os._exit(end.code or 0)
    finally:
        os._exit(70)


def finish(process: int, seconds: float = math.inf) -> bool:
    """Wait for a run, at most some seconds, and say whether it is finished; kill it if not."""
    end = time.monotonic() + seconds
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return False
        time.sleep(0.01)
    if ended[1]:
        raise SystemExit(f"a run ended with code {os.waitstatus_to_exitcode(ended[1])}, see its .log")
    return True


def left(folder: Path) -> tuple[str, int]:
    """Return the stage and the epoch that a killed run will go on from."""
    from safetensors import safe_open

    path = folder / "checkpoint" / "state.safetensors"
    if not path.is_file():
        return "", 0
    with safe_open(path, framework="np") as file:
        kept = json.loads(file.metadata()["state"])
    return kept["stage"] or f"after {'+'.join(kept['done'])}", kept["epoch"]


def result(folder: Path) -> dict[str, Any]:
    """Return what a finished run has to have in common with another of the same settings."""
    history = list(csv.DictReader((folder / "history.csv").open()))
    metrics = json.loads((folder / "metrics.json").read_text())
    return {
        "weights": (folder / "model" / "weights.safetensors").read_bytes(),
        "history": [{name: value for name, value in row.items() if name != "seconds"} for row in history],
        "metrics": {name: value for name, value in metrics.items() if not name.startswith("seconds")},
    }


@click.command(help=__doc__.split("\n")[0])
@click.option("--kills", default=20)
@click.option("--seed", default=0, help="Of the moments.")
@click.option("--within", default=(1.0, 25.0), type=(float, float), help="Seconds that a process lives, at random.")
@click.option("--epochs", default="{m1: 200, m2: 120}")
def main(kills: int, seed: int, within: tuple[float, float], epochs: str) -> None:
    print(machine.lines(machine.describe("ssvae", "tensorflow")))
    rng, killed, wrong, expected = np.random.default_rng(seed), 0, 0, {}
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    for name, settings in SETTINGS.items():
        begun = time.monotonic()
        finish(start(folder / name, settings, epochs))
        expected[name] = result(folder / name)
        print(f"{name}: left in peace, {time.monotonic() - begun:.0f} s", flush=True)
    for run, (name, settings) in enumerate(itertools.cycle(SETTINGS.items())):
        own, moments = folder / str(run), []
        while not finish(start(own, settings, epochs), rng.uniform(*within) if killed < kills else math.inf):
            killed += 1
            moments.append(" ".join(map(str, left(own))).strip())
        found = result(own)
        different = [part for part, value in expected[name].items() if found[part] != value]
        wrong += bool(different)
        print(f"{name}: killed {len(moments)} times, resumed from {moments}; {different or 'all'} ", end="")
        print("DIFFER" if different else "equal bit for bit", flush=True)
        if killed >= kills:
            break
    print(f"{killed} kills, {run + 1} runs, {wrong} of them with another result ({folder})")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
