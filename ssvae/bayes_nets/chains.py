"""Markov chains of one target, run by one compiled program."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.engine import Engine, using
from ssvae.bayes_nets.forms import Target
from ssvae.bayes_nets.mass_matrix import Metric
from ssvae.bayes_nets.samplers.base import Trace

WINDOWS = (0.2, 0.3)  # shares of the warm-up after which the metric is learnt
LEAST = 20  # steps of a warm-up that is worth dividing
GROUP = 32  # chains that one core takes; more of them are run in groups, side by side
CHUNK = 100  # steps of one call, after which progress is shown and draws leave the device


class Chains:
    """Chains of one target that go on from where they stand; one compiled program for warm-up and draws.

    Each group of chains adapts its own step size; the metric is learnt from all of them. How many groups there are
    depends on the number of chains alone, so that draws do not depend on the machine.

    Parameters
    ----------
    target : Target
    sampler : Sampler
    state : Tensor [chains, rows, size]
    warm_up : int
        Steps of `warm`.
    seed : int
    engine : "xla" or "graph"
    metric : str
        See `metric.Metric`.
    """

    def __init__(
        self,
        target: Target,
        sampler: Any,
        state: tf.Tensor,
        warm_up: int,
        seed: int,
        engine: str = "xla",
        metric: str = "unit",
    ) -> None:
        self.metric = Metric(metric, target.rows, target.size)
        short = warm_up < LEAST or metric == "unit"
        windows = [] if short else [int(share * warm_up) for share in WINDOWS]
        self.windows = [*windows, warm_up - sum(windows)]
        self.kernel = sampler.kernel(lambda u: target.log_prob(self.metric.state(u)), target.rows, self.windows[-1])
        self.sampler, self.seed, self.done = sampler, random.seed_tensor(seed), 0
        self._start(state)
        self.engine = Engine(xla=engine == "xla")
        self._run = tf.function(self._steps, autograph=False, jit_compile=self.engine.xla)

    def warm(self) -> Iterator[None]:
        """Take the steps of the warm-up; the metric is learnt between its windows, step sizes in each anew."""
        for window in self.windows[:-1]:
            kept = []
            for states, _ in self.walk(window):
                kept.append(states)
                yield
            self.metric.learn(np.concatenate(kept)[window // 2 :])
            self._start(tf.constant(kept[-1][-1]))
        for _ in self.walk(self.windows[-1]):
            yield

    def _start(self, state: tf.Tensor) -> None:
        parts = tf.split(self.metric.coordinates(state), groups(state.shape[0]))
        self.parts = [(u, self.kernel.bootstrap_results(u)) for u in parts]

    def walk(self, steps: int) -> Iterator[tuple[np.ndarray, Trace]]:
        """Take steps, some at once; yield their states [n, chains, rows, size] and what the kernel told of each."""
        last = self.done + steps
        with ThreadPoolExecutor(len(self.parts)) as pool:
            while self.done < last:
                count = min(CHUNK, last - self.done)
                found = list(pool.map(self._advance, range(len(self.parts)), [count] * len(self.parts)))
                self.done += count
                *of_chains, gradients = zip(*found, strict=True)
                states, accepted, divergent = (np.concatenate(each, axis=1) for each in of_chains)
                yield states, Trace(accepted, divergent, np.mean(gradients, axis=0))

    def _advance(self, group: int, count: int) -> tuple[np.ndarray, ...]:
        """Take steps with a group of chains."""
        seed, steps = random.fold(self.seed, group), (tf.constant(self.done), tf.constant(count))
        u, results, states, trace = self._run(*self.parts[group], seed, *steps)
        self.parts[group] = u, results
        return tuple(part.numpy()[:count] for part in (states, *trace))

    def _steps(self, state: tf.Tensor, results: Any, seed: tf.Tensor, first: tf.Tensor, count: tf.Tensor) -> Any:
        def body(step: tf.Tensor, state: tf.Tensor, results: Any, records: Any) -> Any:
            state, results = self.kernel.one_step(state, results, seed=random.fold(seed, first + step))
            told = zip(records, (state, *self.sampler.trace(results)), strict=True)
            return step + 1, state, results, [record.write(step, part) for record, part in told]

        shapes: tuple[Any, ...] = (state.shape, state.shape[:-1], state.shape[:-1], [])
        kinds = (tf.float32, tf.float32, tf.bool, tf.int32)
        records = [tf.TensorArray(kind, CHUNK, element_shape=shape) for kind, shape in zip(kinds, shapes, strict=True)]
        with using(self.engine):
            _, state, results, records = tf.while_loop(
                lambda step, *_: step < count, body, (tf.constant(0), state, results, records), maximum_iterations=CHUNK
            )
        u, *told = [record.stack() for record in records]
        return state, results, self.metric.state(u), Trace(*told)


def groups(chains: int) -> int:
    """Return the number of groups, equal in size, that so many chains are run in."""
    return max(n for n in range(1, max(1, chains // GROUP) + 1) if chains % n == 0)
