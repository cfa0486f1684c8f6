"""Kill `ssvae fit` at random moments, resume it repeatedly, and compare with an undisturbed run.

Processes get SIGKILL after a random time and are started again with --resume until the run is finished; then the next
run begins, until the number of kills is reached. The runs train M1 and then M2, with a KL warm-up, a schedule of the
learning rate and early stopping. Weights, history and metrics (all but the seconds) are compared bit by bit.

    python benchmarks/kills.py
    python benchmarks/kills.py --every 1 --seed 1
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import shutil
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np

import ssvae.estimator.persistence  # noqa: F401 (with TensorFlow, once for all)
from ssvae.cli.main import main as main_command
from ssvae.experiments import run
from ssvae.training.checkpoint import Checkpoint

FIT = ["ssvae", "fit", "--dataset", "digits", "--labels", "100", "--config", "digits", "--resume"]
SETTINGS = ["schedule=cosine", "inference.kl_warm_up=0.2", "early_stopping={every: 5, patience: 1000}"]


def start(folder: Path, settings: tuple[str, ...]) -> int:
    """Start `ssvae fit` in its own process; it continues the run in the folder if there is one.

    Processes are forked from this one, which has imported TensorFlow but never runs it; that saves the import.
    """
    command = [*FIT, "--out", str(folder)]
    for setting in (*SETTINGS, *settings):
        command += ["--set", f"classifier.{setting}"]
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
    """Wait for a run for some seconds at most, kill it if it is not finished, and return whether it is."""
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


def left(folder: Path) -> str:
    """Return the stage and the epoch from which a killed run will continue."""
    from safetensors import safe_open

    path = folder / "checkpoint" / "state.safetensors"
    if not path.is_file():
        return "the beginning"
    with safe_open(path, framework="np") as file:
        kept = json.loads(file.metadata()["state"])
    return f"{kept['stage']} {kept['epoch']}" if kept["stage"] else f"the end of {' and '.join(kept['done'])}"


def result(folder: Path) -> dict[str, Any]:
    """Return the results that must be equal in two finished runs of the same settings."""
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
@click.option(
    "--within", default=(0.05, 0.6), type=(float, float), help="Life of a process, at random, in lives of a whole run."
)
@click.option("--every", default=10.0, help="Seconds between two checkpoints; `ssvae fit` takes 10.")
@click.option("--epochs", default="{m1: 200, m2: 120}")
@click.option("--set", "more", multiple=True, help="Further settings of the classifier, NAME=VALUE.")
def main(kills: int, seed: int, within: tuple[float, float], every: float, epochs: str, more: tuple[str, ...]) -> None:
    print(machine.lines(machine.describe("ssvae", "tensorflow")))
    run.Checkpoint = partial(Checkpoint, every=every)
    settings = (f"epochs={epochs}", *more)
    rng, folder, begun = np.random.default_rng(seed), Path(tempfile.mkdtemp(prefix="kills-")), time.monotonic()
    finish(start(folder / "peace", settings))
    expected, killed, wrong, numbers = result(folder / "peace"), 0, 0, itertools.count()
    whole = time.monotonic() - begun
    print(f"left in peace: {whole:.0f} s", flush=True)
    while killed < kills:
        own, stations = folder / str(next(numbers)), []  # a new one also where the last was done before its kill
        while not finish(start(own, settings), whole * rng.uniform(*within) if killed < kills else math.inf):
            killed += 1
            stations.append(left(own))
        found = result(own)
        different = [part for part, value in expected.items() if found[part] != value]
        wrong += bool(different)
        verdict = f"DIFFERENT {different}" if different else "weights, history and metrics equal bit for bit"
        print(f"killed {len(stations)} times, resumed from {', '.join(stations) or 'nowhere'}; {verdict}", flush=True)
    print(f"{killed} kills, {wrong} runs with another result")
    if wrong:
        raise SystemExit(f"they are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
