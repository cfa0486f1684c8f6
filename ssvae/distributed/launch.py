"""Local launcher: starts the workers of one fit on this machine, and restarts all of them when one dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

from ssvae.distributed import cluster

LAUNCH = f"{os.getpid()}-{time.time_ns()}"  # by which a later try knows the run of an earlier one
LAST_WORDS = 10.0  # seconds that a worker has to keep its state after another has died
FAREWELL = 60.0  # seconds that all have after SIGTERM or Ctrl-C
FINAL = (1, 2)  # exit codes of commands that would end the same way again: wrong input, wrong call
STOPS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """SIGTERM or Ctrl-C."""

    def __init__(self, number: int) -> None:
        self.number = number


class Worker:
    """One process, whose lines on stderr are printed with its number.

    Parameters
    ----------
    command : sequence of str
    place : Cluster
    say : callable
    """

    def __init__(self, command: Sequence[str], place: cluster.Cluster, say: Callable[[str], None]) -> None:
        self.number = place.number
        threads = str(max(1, (os.cpu_count() or 1) // len(place.workers)))
        own = {"TF_CONFIG": cluster.write(place), "SSVAE_STRATEGY": "multiworker", "SSVAE_LAUNCH": LAUNCH}
        self.process = subprocess.Popen(
            command,
            env={"TF_NUM_INTRAOP_THREADS": threads, **os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=None if self.number == 0 else subprocess.DEVNULL,  # what others print is the same
            stderr=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C goes to the supervisor alone, who passes it on
        )
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr, say), daemon=True)
        self._reader.start()

    def _read(self, lines: IO[bytes], say: Callable[[str], None]) -> None:
        with lines:
            for line in lines:
                say(f"[worker {self.number}] {line.decode(errors='replace').rstrip()}")

    def end(self) -> int:
        """Kill the process if it still runs; return its exit code once its output has been printed."""
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait()
        self._reader.join()
        return code


def launch(
    command: Sequence[str],
    again: Sequence[str],
    workers: int,
    tries: int,
    say: Callable[[str], None],
) -> int:
    """Run a command in several processes that TF_CONFIG joins, until all of them end well.

    Parameters
    ----------
    command : sequence of str
        Of the first try.
    again : sequence of str
        Of those after it: the same, from the last checkpoint on.
    workers, tries : int
    say : callable
        Takes each line of what is going on.

    Returns
    -------
    int
        0; or the code of the worker that could not go on; or 128 and the number of the signal that ended all.
    """
    code = 0
    try:
        with _passed_on() as asked:
            for turn in range(1, tries + 1):
                code, cause = _turn(command if turn == 1 else again, workers, say, asked)
                if code == 0 or code in FINAL:
                    return code
                say(f"{cause}; " + ("all start again from the last checkpoint" if turn < tries else "giving up"))
    except Stopped as stopped:
        return 128 + stopped.number
    say(f"no try of {tries} came to its end (--tries allows more); what was reached is kept, --resume goes on from it")
    return code if code > 0 else 1


def _turn(
    command: Sequence[str], count: int, say: Callable[[str], None], asked: Callable[[], int | None]
) -> tuple[int, str]:
    """Start all workers and wait for the first to end well, or any to end badly; return its code, and what happened."""
    addresses, team = _addresses(count), []
    try:
        team = [Worker(command, cluster.Cluster(addresses, number), say) for number in range(count)]
        while True:
            if (number := asked()) is not None:
                _stop(team, number)
                raise Stopped(number)
            ended = {worker: code for worker in team if (code := worker.process.poll()) is not None}
            bad = sorted((worker for worker in ended if ended[worker]), key=lambda worker: ended[worker])
            if bad:  # those that a signal has killed come first: the others may have died of it
                _wait(team, LAST_WORDS)
                return ended[bad[0]], f"worker {bad[0].number} {_how(ended[bad[0]])}"
            if ended.get(team[0]) == 0:
                _wait(team, LAST_WORDS)
                return 0, ""
            time.sleep(0.05)
    finally:
        for worker in team:
            worker.end()


def _stop(team: Sequence[Worker], number: int) -> None:
    for worker in team:
        if worker.process.poll() is None:
            worker.process.send_signal(number)
    _wait(team, FAREWELL)


def _wait(team: Sequence[Worker], seconds: float) -> None:
    """Wait until all have ended, but no longer than this."""
    last = time.monotonic() + seconds
    while any(worker.process.poll() is None for worker in team) and time.monotonic() < last:
        time.sleep(0.05)


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _addresses(count: int) -> list[str]:
    """Return addresses on this machine with ports that nobody uses."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


@contextmanager
def _passed_on() -> Iterator[Callable[[], int | None]]:
    """Record SIGTERM and Ctrl-C instead of exiting; yield a function that returns which there was, or None."""
    seen: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: seen.append(number)) for number in STOPS}
    try:
        yield lambda: seen[0] if seen else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def this_command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of `ssvae` with these arguments, by this interpreter."""
    return [sys.executable, "-m", "ssvae", *arguments]
