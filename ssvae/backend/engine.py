"""Engines: graph mode or XLA, and the precision of matrix products; read while a function is traced.

Graph mode (with oneDNN on CPU) starts at once; XLA takes seconds to compile, and then fuses what stands between the
matrix products. The few functions that are written differently for the two ask `current`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import tensorflow as tf

SECONDS_TO_PAY = 15.0  # a stage that graph mode would take longer for is worth XLA's compilation (benchmarks/NOTES.md)
OVERHEAD, RATE = 1e-3, 2e11  # seconds a step beside its products, and FLOP a second: two cores of 2023
COMPILATION = {False: 3.0, True: 10.0}  # seconds, without XLA and with it


class Engine(NamedTuple):
    """How a function is compiled."""

    xla: bool = False
    bfloat16: bool = False  # the factors of matrix products; their sums, and all else, stay float32
    training: bool = False  # whether layers that keep statistics of the rows (batch normalisation) learn them
    replicas: int = 1  # that share each batch (`ssvae.backend.replica_context`)


GRAPH = Engine()
_CURRENT = ContextVar("engine", default=GRAPH)


def current() -> Engine:
    """Return the engine of the function that is being traced."""
    return _CURRENT.get()


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Trace what is inside for this engine."""
    token = _CURRENT.set(engine)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def choose(engine: str, precision: str, steps: int, flop: float) -> Engine:
    """Return the engine of a stage.

    Parameters
    ----------
    engine : "auto", "graph" or "xla"
        "auto": XLA on a GPU, and on a CPU where the stage is long; bfloat16 is only quick under XLA.
    precision : "float32" or "bfloat16"
    steps : int
        Of the whole stage.
    flop : float
        Floating-point operations of a step, about.
    """
    low = precision == "bfloat16"
    long = _seconds(steps, flop) > SECONDS_TO_PAY
    return Engine(engine == "xla" or (engine == "auto" and (low or long or _gpu())), low)


def expected_seconds(engine: Engine, steps: int, flop: float) -> float:
    """Return how long a stage will take, compilation included, on two cores; see `choose`."""
    return COMPILATION[engine.xla] + _seconds(steps, flop)


def _seconds(steps: int, flop: float) -> float:
    return steps * (OVERHEAD + flop / RATE)


def _gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))
