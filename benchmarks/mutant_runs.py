"""Tests in forked processes, for `mutants.py`: which lines each test runs, and whether some test fails.

A process that has imported TensorFlow, but not used it, is forked for every run: that saves its import, four seconds.
What is tested is a copy of the checkout, so that the checkout never holds a fault, even after a power cut.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "mutants"
TREE = BUILD / "tree"
PLAIN = ("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow")
MINUTES = 60.0  # most seconds on the clock for each second of CPU: a test that waits for ever


def copy_checkout() -> None:
    """Copy what git knows or would add into `TREE`."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, TREE / name)


def import_tensorflow() -> None:
    """Import once what every forked process needs and what is not under test."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ |= {"PYTHONPATH": str(TREE), "PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    import keras  # noqa: F401
    import pandas  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import tensorflow  # noqa: F401
    from tensorflow_probability import distributions, mcmc  # noqa: F401

    sys.path.insert(0, str(TREE))
    sys.dont_write_bytecode = True


class Outcome(NamedTuple):
    """How a forked run of tests ended."""

    code: int  # pytest's; negative: the signal that ended the process
    seconds: float  # of CPU
    said: Any  # what the plugin found


class Plugin:
    """A pytest plugin; what it `said` comes back from the forked process."""

    said: Any = None


def forked(files: Sequence[str], plugin: Plugin, limit: float | None = None) -> Outcome:
    """Run pytest on files of `TREE` in a forked process, for `limit` seconds of CPU at most."""
    answer = BUILD / "answer.json"
    answer.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        _tests(files, plugin, limit, answer)
    end = None if limit is None else time.monotonic() + MINUTES * limit
    while not (ended := os.wait4(child, os.WNOHANG))[0]:
        if end is not None and time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)
    code = os.waitstatus_to_exitcode(ended[1])
    said = json.loads(answer.read_text()) if answer.exists() else None
    return Outcome(code, ended[2].ru_utime + ended[2].ru_stime, said)


def _tests(files: Sequence[str], plugin: Plugin, limit: float | None, answer: Path) -> None:
    """Be the forked process: run pytest, write down what the plugin found, and end."""
    code = 70
    try:
        os.setsid()
        output = os.open(BUILD / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(TREE)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 3))
        code = int(pytest.main([*PLAIN, *files], plugins=[plugin]))
        answer.write_text(json.dumps(plugin.said))
    finally:
        os._exit(code)


class Record(Plugin):
    """Note of each test the lines of the files under test that it and its fixtures run, and its seconds of CPU.

    Lines are known by their text, so that what was noted stays true when other lines are added.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = {str(TREE / path): path for path in paths}
        self.lines = {path: (TREE / path).read_text().splitlines() for path in paths}
        self.seen: set[tuple[str, int]] = set()
        self.of_fixture: dict[Any, set[tuple[str, int]]] = {}
        self.said = {}

    def _trace(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        path = self.paths.get(frame.f_code.co_filename)
        if path is None:
            return None
        self.seen.add((path, frame.f_lineno))
        return self._trace

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """Keep what a fixture runs apart: it counts for every test that uses the fixture."""
        outside, self.seen = self.seen, set()
        try:
            return (yield)
        finally:
            self.of_fixture[fixturedef], self.seen = self.seen, outside

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """Trace a test."""
        self.seen, begun = set(), time.process_time()
        sys.settrace(self._trace)
        threading.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            seconds = round(time.process_time() - begun, 2)
            fixtures = itertools.chain(*item._fixtureinfo.name2fixturedefs.values())
            seen = self.seen.union(*(self.of_fixture.get(fixture, ()) for fixture in fixtures))
            lines = {f"{path}: {self.lines[path][line - 1].strip()}" for path, line in seen}
            self.said[item.nodeid] = {"seconds": seconds, "lines": sorted(lines)}


class Choose(Plugin):
    """Run the given tests in the given order; say which failed first."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.order = {test: at for at, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Choose and sort."""
        items[:] = sorted(
            (each for each in items if each.nodeid in self.order), key=lambda each: self.order[each.nodeid]
        )

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note the first failure."""
        if report.failed:
            self.said = self.said or report.nodeid
