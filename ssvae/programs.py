"""Compiled programs, kept and lent out: tracing a step takes seconds, running it milliseconds.

A program works on its own twin of a model and never on the user's; weights go in and come out as arrays. A program is
lent to one borrower at a time, so fits in several threads get several programs.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any


class Pool:
    """Idle programs by key, the least recently used dropped first.

    Parameters
    ----------
    size : int
        How many idle programs are kept; each holds a model, its optimizer and a graph.
    """

    def __init__(self, size: int = 48) -> None:
        self._size = size
        self._idle: OrderedDict[Hashable, list[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, key: Hashable | None, build: Callable[[], Any]) -> Iterator[Any]:
        """Yield an idle program of this key, or a new one; a program with key None is not kept."""
        with self._lock:
            waiting = self._idle.get(key) if key is not None else None
            program = waiting.pop() if waiting else None
        if program is None:
            program = build()
        yield program  # one that failed is in an unknown state and is not taken back
        if key is None:
            return
        with self._lock:
            self._idle.setdefault(key, []).append(program)
            self._idle.move_to_end(key)
            while len(self._idle) > self._size:
                self._idle.popitem(last=False)


POOL = Pool()


def model_key(model: Any) -> Hashable | None:
    """Return what decides a model's graph: its class and configuration, but not its seed; None if it has no config."""
    try:
        config = model.get_config()
        config.pop("seed", None)
        return type(model), json.dumps(config, sort_keys=True)
    except (TypeError, ValueError, NotImplementedError):
        return None


def twin(model: Any) -> Any:
    """Return a model of the same configuration with weights of its own, or the model itself if it has no config."""
    return model if model_key(model) is None else type(model).from_config(model.get_config())
