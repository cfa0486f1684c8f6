"""Contenders measured by turns, A B A B ...: each in its own process, one at a time, so that all meet the same load.

A worker's script calls `serve(prepare)`: `prepare(cell)` builds, compiles and warms up and returns `run`, and `run(n)`
does the work n times. A benchmark makes a `Worker` of every contender and calls `compare` for every cell. The
workers stay in the harness's process group, so that the scheduler divides the cores among threads and not among groups,
and exchange JSON lines. Wall seconds are perf_counter's and CPU-seconds process_time's, around `run(n)` alone.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import click
import numpy as np

Run = Callable[
    [int], Mapping[str, Any] | None
]  # what it returns goes into the answer; "count": how often it really did
Answer = dict[str, Any]  # count, wall, cpu, ...
LINES = 15  # of a dead worker's stderr


class UnfitError(Exception):
    """Raised by `prepare` where the contender does not support the cell."""


def serve(prepare: Callable[[dict[str, Any]], Run]) -> None:
    """Answer the harness until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a long run must not outlive the harness
    run = None
    for line in sys.stdin:
        order = json.loads(line)
        if "run" in order:
            answer = _timed(run, order["run"])
        else:
            run = None  # the last cell's memory is not this cell's
            gc.collect()
            try:
                run, answer = prepare(order["prepare"]), {}
            except UnfitError as error:
                answer = {"unfit": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


def _timed(run: Any, count: int) -> Answer:
    wall, cpu = time.perf_counter(), time.process_time()
    more = run(count)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"count": count, "wall": wall, "cpu": cpu, **(more or {})}


class Worker:
    """One contender's process.

    Parameters
    ----------
    name : str
    script : str
        Path of a script that calls `serve`.
    arguments : sequence of str
    environment : mapping, optional
        Variables beside those of this process.
    """

    def __init__(self, name: str, script: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.name, self._errors = name, tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **(environment or {})},
        )

    def ask(self, order: dict[str, Any]) -> Answer:
        """Send one order and wait for its answer."""
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            last = "".join(f"  {text}" for text in self._errors.readlines()[-LINES:])
            raise click.ClickException(f"{self.name} died with code {code} at {order}; the end of its output:\n{last}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


class Progress:
    """What is being measured and how long the rest will take, on stderr.

    Parameters
    ----------
    total : int
        Cells.
    """

    def __init__(self, total: int) -> None:
        self._total, self._cells, self._began = total, 0, time.perf_counter()

    def of(self, cell: dict[str, Any]) -> Callable[[str, float], None]:
        """Return a function by which `compare` reports on the next cell: what is being done, and the share done."""
        before, self._cells = self._cells, self._cells + 1
        name = " ".join(str(value) for value in cell.values() if isinstance(value, str | int))
        return lambda text, share: self._say(f"{name}, {text}", before + share)

    def _say(self, text: str, done: float) -> None:
        passed = time.perf_counter() - self._began
        left = f", {passed / done * (self._total - done) / 60:.1f} min left" if done else ""
        start, end = ("\r\033[K", "") if sys.stderr.isatty() else ("", "\n")
        print(f"{start}[{done:.1f}/{self._total}] {text}{left}", end=end, file=sys.stderr, flush=True)


def compare(
    workers: Iterable[Worker],
    cell: dict[str, Any],
    rounds: int = 9,
    seconds: float = 0.7,
    say: Callable[[str, float], None] = lambda text, share: None,
) -> dict[str, list[Answer]]:
    """Return the answers of every worker that supports the cell, one a round; each run lasts about `seconds`."""
    counts: dict[Worker, int] = {}
    for worker in workers:
        say(f"{worker.name} prepares", 0.0)
        unfit = worker.ask({"prepare": cell}).get("unfit")
        if unfit:
            click.echo(f"{worker.name} is left out: {unfit}", err=True)
        else:
            counts[worker] = _fitting(worker, seconds)
    answers: dict[str, list[Answer]] = {worker.name: [] for worker in counts}
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}", (turn + 0.5) / (rounds + 0.5))
        for worker, count in counts.items():
            answers[worker.name].append(worker.ask({"run": count}))
    return answers


def _fitting(worker: Worker, seconds: float) -> int:
    """Return how many repetitions last about `seconds`, and leave the worker warm at that number."""
    count = 1
    while True:
        worker.ask({"run": count})  # a first run of a new length may compile
        answer = worker.ask({"run": count})
        if answer["wall"] > 0.3 * seconds:
            return max(1, round(answer["count"] * seconds / answer["wall"]))
        count = max(2 * count, int(answer["count"] * 0.6 * seconds / answer["wall"]))


class Spread(NamedTuple):
    """Median and quartiles of something over the rounds."""

    median: float
    low: float
    high: float


def spread(answers: list[Answer], key: str = "wall") -> Spread:
    """Return milliseconds of one repetition; key is "wall" or "cpu"."""
    values = [1e3 * answer[key] / answer["count"] for answer in answers]
    return Spread(*(float(value) for value in np.quantile(values, [0.5, 0.25, 0.75])))


def ratios(answers: list[Answer], others: list[Answer], key: str = "wall") -> tuple[float, float]:
    """Return the ratio of two contenders' times: that of the medians, and the median of the rounds' ratios."""
    pairs = [spread([a], key).median / spread([b], key).median for a, b in zip(answers, others, strict=True)]
    return spread(answers, key).median / spread(others, key).median, float(np.median(pairs))
