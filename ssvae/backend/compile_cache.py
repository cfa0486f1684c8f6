"""Cache of compiled programs: tracing a step takes seconds, running it milliseconds.

A program works on its own copy of a model and never on the user's; weights go in and come out as arrays. A program is
lent to one borrower at a time, so fits in several threads get several programs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

if TYPE_CHECKING:
    import keras
    from tensorflow.types.experimental import ConcreteFunction


class Program(Protocol):
    """Compiled functions."""

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""


Model = TypeVar("Model", bound="keras.Model")
Own = TypeVar("Own", bound=Program)


class Pool:
    """Idle programs, the least recently used dropped first.

    Parameters
    ----------
    size : int
        How many idle programs are kept.
    parameters : int
        How many numbers they may hold in all: a large model is not worth the memory of many small ones.
    """

    def __init__(self, size: int = 64, parameters: int = 20_000_000) -> None:
        self._size, self._parameters = size, parameters
        self._idle: list[tuple[Hashable, Program, int]] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, key: Hashable | None, build: Callable[[], Own]) -> Iterator[Own]:
        """Yield an idle program of this key, or a new one; a program with key None is not kept."""
        program = cast(Own, self._take(key)) or build()  # one key, one kind of program
        yield program  # one that failed is in an unknown state and is not taken back
        if key is not None:
            numbers = program.parameters
            with self._lock:
                self._idle.append((key, program, numbers))
                while len(self._idle) > self._size or (len(self._idle) > 1 and self._load() > self._parameters):
                    self._idle.pop(0)

    def _take(self, key: Hashable | None) -> Program | None:
        with self._lock:
            for position in reversed(range(len(self._idle))):
                if key is not None and self._idle[position][0] == key:
                    return self._idle.pop(position)[1]
        return None

    def _load(self) -> int:
        return sum(numbers for *_, numbers in self._idle)


POOL = Pool()


def model_key(model: keras.Model) -> Hashable | None:
    """Return what decides a model's graph: its class and configuration, but not its seed; None if it has no config."""
    try:
        config = model.get_config()
        config.pop("seed", None)
        return type(model), json.dumps(config, sort_keys=True)
    except (TypeError, ValueError, NotImplementedError):
        return None


def copy_of(model: Model) -> Model:
    """Return a model of the same configuration with weights of its own, or the model itself if it has no config."""
    return model if model_key(model) is None else type(model).from_config(model.get_config())


def weights_read(function: ConcreteFunction, model: keras.Model) -> list[bool]:
    """Say of each weight of a model whether a compiled function reads it."""
    captured = {id(tensor) for tensor in function.graph.external_captures}
    return [id(weight.value.handle) in captured for weight in model.weights]


def copy_weights(model: keras.Model, other: keras.Model, which: Sequence[bool] | None = None) -> None:
    """Give another model of the same configuration the weights of a model; buffers are shared until one changes.

    Parameters
    ----------
    model : Model
    other : Model
    which : sequence of bool, optional
        Which of the weights; all by default.
    """
    if other is model:
        return
    chosen = [True] * len(model.weights) if which is None else which
    for old, new, wanted in zip(other.weights, model.weights, chosen, strict=True):
        if wanted:
            old.value.assign(new.value, read_value=False)
