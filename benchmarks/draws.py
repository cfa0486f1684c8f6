"""Error, worst draw and time of shipped settings over several labelled draws.

Every draw is one `ssvae fit` in a process of its own: seed s decides both the labelled rows and the training. With
--share-m1 the M1 of each seed is trained once, by other shipped settings, and used for every label count.

    python benchmarks/draws.py digits --labels 100 --draws 10
    python benchmarks/draws.py mnist_m1_m2 --labels 100,600,1000,3000 --draws 5 --share-m1 mnist_m1
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np


def fit(config: str, labels: int, seed: int, runs: Path, *settings: str) -> tuple[dict[str, Any], Path]:
    """Run one fit, unless its folder exists already, and return its numbers and folder."""
    folder = runs / f"{config}-{labels}-{seed}"
    if not (folder / "metrics.json").exists():
        command = [sys.executable, "-m", "ssvae", "fit", "--config", config, "--labels", str(labels)]
        assignments = [part for setting in settings for part in ("--set", setting)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*command, "--seed", str(seed), "--out", str(folder), "--overwrite", *assignments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        (folder / "cpu_seconds").write_text(f"{cpu:.1f}\n")
        for other in folder.glob("bayes_error-*"):  # of a model that was here before
            other.unlink()
    numbers = json.loads((folder / "metrics.json").read_text())
    return {**numbers, "cpu_seconds": float((folder / "cpu_seconds").read_text())}, folder


def bayes_error(folder: Path, samples: int) -> float:
    """Return the test error in percent by p(y | x), with p(x | y) by importance samples; kept in the run's folder."""
    kept = folder / f"bayes_error-{samples}"
    if not kept.exists():
        from ssvae.experiments import run_folder

        run = run_folder.open_run(folder)
        dataset = run_folder.load_dataset(run.config)
        found = run.classifier.predict_proba(dataset.x_test, via="bayes", samples=samples).argmax(axis=1)
        kept.write_text(f"{100 * np.mean(run.classifier.classes_[found] != dataset.y_test):.4f}\n")
    return float(kept.read_text())


def line(numbers: list[dict[str, Any]], key: str, digits: int = 2) -> str:
    """Return "mean ± s.d. (worst)" of one number over the draws; the worst is the lowest bound or highest error."""
    values = np.array([draw[key] for draw in numbers], float)
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    worst = values.min() if key == "bound" else values.max()
    return f"{values.mean():.{digits}f} ± {spread:.{digits}f} (worst {worst:.{digits}f})"


@click.command(help=__doc__.split("\n")[0])
@click.argument("config")
@click.option("--labels", default="100", help="Label counts, separated by commas.")
@click.option("--draws", default=5, help="Seeds 0, 1, ...")
@click.option("--share-m1", default=None, help="Shipped settings of the M1 to train once a seed.")
@click.option("--set", "assignments", multiple=True, help="A setting by its path; give the runs a folder of their own.")
@click.option(
    "--bayes",
    type=click.IntRange(0),
    default=0,
    metavar="S",
    help="Also the error by p(y | x), from S importance samples a class.",
)
@click.option("--runs", default="runs/benchmarks", type=click.Path(path_type=Path), help="Where the runs go.")
def main(
    config: str,
    labels: str,
    draws: int,
    share_m1: str | None,
    assignments: tuple[str, ...],
    bayes: int,
    runs: Path,
) -> None:
    """Print a line for each label count."""
    print(f"{config}, {draws} draws, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    for count in [int(text) for text in labels.split(",")]:
        numbers = []
        for seed in range(draws):
            shared = list(assignments)
            if share_m1:
                m1, folder = fit(share_m1, 100, seed, runs)
                shared.append(f"classifier.model.m1.trained={(folder / 'model').resolve()}")
            found, folder = fit(config, count, seed, runs, *shared)
            if share_m1:
                found |= {key: found[key] + m1[key] for key in ("seconds_fit", "cpu_seconds")}
            if bayes:
                found["bayes_error"] = bayes_error(folder, bayes)
            numbers.append(found)
            print(f"  draw {seed}: {found['test_error']:.2f} %, fit {found['seconds_fit']:.0f} s", flush=True)
        print(f"{count} labels: test error {line(numbers, 'test_error')} %")
        if all("valid_error" in draw for draw in numbers):
            print(f"  error on validation rows {line(numbers, 'valid_error')} %")
        if bayes:
            print(f"  test error by p(y | x), {bayes} samples a class {line(numbers, 'bayes_error')} %")
        print(f"  labelled rows alone {line(numbers, 'supervised_error')} %, bound {line(numbers, 'bound')} nats")
        print(
            f"  seconds to fit {line(numbers, 'seconds_fit', 0)}, CPU-seconds in all {line(numbers, 'cpu_seconds', 0)}"
        )


if __name__ == "__main__":
    main()
