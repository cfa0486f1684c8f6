"""Distribution strategies: the replicas of a training step on one device, several devices or several machines.

Each replica has its own copy of the weights and of the optimizer's moments, takes its share of the rows of each batch,
and adds the sum of all replicas' gradients, so that the copies stay alike and the step is that of one device.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeAlias, TypeVar

import numpy as np
import tensorflow as tf

from ssvae.distributed import cluster
from ssvae.registry import unknown

Result = TypeVar("Result")
# The argument `strategy`: a name or an object.
Strategy: TypeAlias = str | tf.distribute.Strategy

GONE = (  # what collective operations raise where a process has ended
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
STRATEGIES = ("auto", "mirrored", "multiworker", "one")


@dataclass(frozen=True)
class ReplicaLayout:
    """The replicas of a fit, and which of them this process has.

    Parameters
    ----------
    strategy : tf.distribute.Strategy, optional
        None: one replica, wherever TensorFlow puts it.
    """

    strategy: tf.distribute.Strategy | None = None

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of this process's replicas, out of `count`."""
        if self.strategy is None:
            return (0,)
        numbers = self.strategy.experimental_distribute_values_from_function(lambda own: own.replica_id_in_sync_group)
        return tuple(int(number) for number in self.strategy.experimental_local_results(numbers))

    @property
    def devices(self) -> tuple[str | None, ...]:
        """The device of each of `numbers`."""
        return (None,) if self.strategy is None else self.strategy.extended.worker_devices

    @property
    def count(self) -> int:
        """Replicas in all."""
        return 1 if self.strategy is None else self.strategy.num_replicas_in_sync

    @property
    def across_processes(self) -> bool:
        """Whether other processes have replicas, too."""
        return self.count > len(self.devices)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes what is to be kept."""
        return self.numbers[0] == 0

    def run(self, step: Callable[[int], Result]) -> Result:
        """Call `step` for each replica of this process, with its index in `numbers`; return the first result."""
        if self.strategy is None or self.count == 1:
            return step(0)

        def replica() -> Result:
            number = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
            return step(self.numbers.index(int(number)))

        return self.strategy.experimental_local_results(self.strategy.run(replica))[0]

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process; all of them must call it."""
        return bool(self._sum(np.array([flag], np.int32))[0]) if self.across_processes else flag

    def wait(self) -> None:
        """Wait until all processes call it: TensorFlow takes a process that has ended for dead."""
        self.any(False)

    def from_first(self, data: bytes) -> bytes:
        """Return the bytes of the first process to all of them; all of them must call it."""
        if not self.across_processes:
            return data
        size = int(self._sum(np.array([len(data) if self.first else 0], np.int32))[0])
        words = np.zeros(size // 4 + 1, np.int32)  # one more: TensorFlow ends the process where there is nothing to add
        if self.first:
            words.view(np.uint8)[:size] = np.frombuffer(data, np.uint8)
        return self._sum(words).tobytes()[:size]

    def _sum(self, words: np.ndarray) -> np.ndarray:
        """Return the sum over all processes."""
        assert self.strategy is not None, "without a strategy there is one process"

        def own() -> tf.Tensor:
            here = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
            return tf.constant(words if int(here) == self.numbers[0] else np.zeros_like(words))

        with self.reached():
            return np.array(self.strategy.reduce(tf.distribute.ReduceOp.SUM, self.strategy.run(own), axis=None))

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Raise an error that says what to do where a step fails because another process has ended.

        Raises
        ------
        ConnectionError
        """
        try:
            yield
        except GONE as error:
            if not self.across_processes:
                raise
            raise ConnectionError(
                f"another worker has ended ({type(error).__name__}): start all of them again, with --resume; `ssvae "
                "launch` does so by itself"
            ) from error


ONE = ReplicaLayout()


def layout_of(strategy: Strategy) -> ReplicaLayout:
    """Return where the replicas of a fit run.

    Parameters
    ----------
    strategy : "auto", "one", "mirrored", "multiworker" or tf.distribute.Strategy
        "auto": the workers that TF_CONFIG names, where there are several; else as "mirrored". "mirrored": every GPU of
        this machine, or every logical CPU device where there is none. "multiworker" joins the workers of TF_CONFIG; it
        waits for all of them, and must come before anything else that TensorFlow does in this process.

    Raises
    ------
    ValueError
        If there is no such strategy, or "multiworker" is asked for and TF_CONFIG does not give the workers' addresses.
    """
    if isinstance(strategy, tf.distribute.Strategy):
        return ReplicaLayout(_known(strategy))
    if not isinstance(strategy, str) or strategy not in STRATEGIES:
        raise ValueError(unknown("strategy", strategy, list(STRATEGIES)))
    workers = cluster.read().workers
    if strategy == "multiworker" and not workers:
        raise ValueError(
            "strategy='multiworker' needs TF_CONFIG, which gives the workers' addresses and this one's index: start "
            "them with `ssvae launch --workers 2 -- fit ...`, set TF_CONFIG on every machine, or take "
            "strategy='mirrored' for the devices of this one"
        )
    if strategy == "one":
        return ONE
    return _multiworker() if len(workers) > 1 and strategy != "mirrored" else _mirrored()


def _known(strategy: tf.distribute.Strategy) -> tf.distribute.Strategy:
    kinds = (
        tf.distribute.OneDeviceStrategy,
        tf.distribute.MirroredStrategy,
        tf.distribute.MultiWorkerMirroredStrategy,
    )
    if not isinstance(strategy, kinds):
        raise ValueError(
            f"strategy must be one of {list(STRATEGIES)}, or an object of {[kind.__name__ for kind in kinds]}, got "
            f"{type(strategy).__name__}: its replicas do not take their steps together"
        )
    return strategy


@cache
def _mirrored() -> ReplicaLayout:
    devices = [device.name for kind in ("GPU", "CPU") for device in tf.config.list_logical_devices(kind)]
    alike = [name for name in devices if name.split(":")[-2] == devices[0].split(":")[-2]]
    return ReplicaLayout(tf.distribute.MirroredStrategy(alike)) if len(alike) > 1 else ONE


@cache
def _multiworker() -> ReplicaLayout:
    ours = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    if ours and before is not None:
        signal.signal(signal.SIGTERM, before)  # TensorFlow's own handler takes note of it and goes on
    return ReplicaLayout(strategy)
