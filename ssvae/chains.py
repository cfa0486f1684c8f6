"""Markov chains of one target, run by one compiled program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ssvae import noise
from ssvae.bayes_nets.forms import Target
from ssvae.metric import Metric
from ssvae.samplers.base import Trace

WINDOWS = (0.2, 0.3)  # shares of the warm-up after which the metric is learnt
LEAST = 20  # steps of a warm-up that is worth dividing
CHUNK = 100  # steps of one call, after which progress is shown and draws leave the device


class Chains:
    """Chains of one target that go on from where they stand; one compiled program for warm-up and draws.

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
        self.sampler, self.seed, self.done = sampler, noise.seed_tensor(seed), 0
        self._start(state)
        self._run = tf.function(self._steps, autograph=False, jit_compile=engine == "xla")

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
        self.u = self.metric.coordinates(state)
        self.results = self.kernel.bootstrap_results(self.u)

    def walk(self, steps: int) -> Iterator[tuple[np.ndarray, Trace]]:
        """Take steps, some at once; yield their states [n, chains, rows, size] and what the kernel told of each."""
        last = self.done + steps
        while self.done < last:
            count = min(CHUNK, last - self.done)
            self.u, self.results, states, trace = self._run(
                self.u, self.results, tf.constant(self.done), tf.constant(count)
            )
            self.done += count
            yield states.numpy()[:count], Trace(*(part.numpy()[:count] for part in trace))

    def _steps(self, state: tf.Tensor, results: Any, first: tf.Tensor, count: tf.Tensor) -> Any:
        def body(step: tf.Tensor, state: tf.Tensor, results: Any, records: Any) -> Any:
            state, results = self.kernel.one_step(state, results, seed=noise.fold(self.seed, first + step))
            told = zip(records, (state, *self.sampler.trace(results)), strict=True)
            return step + 1, state, results, [record.write(step, part) for record, part in told]

        shapes: tuple[Any, ...] = (state.shape, state.shape[:-1], state.shape[:-1], [])
        kinds = (tf.float32, tf.float32, tf.bool, tf.int32)
        records = [tf.TensorArray(kind, CHUNK, element_shape=shape) for kind, shape in zip(kinds, shapes, strict=True)]
        _, state, results, records = tf.while_loop(
            lambda step, *_: step < count, body, (tf.constant(0), state, results, records), maximum_iterations=CHUNK
        )
        u, *told = [record.stack() for record in records]
        return state, results, self.metric.state(u), Trace(*told)
