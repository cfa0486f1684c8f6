"""Markov chains of one target, run by one compiled program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ssvae import noise
from ssvae.bayes_nets.forms import Target
from ssvae.samplers.base import Trace

CHUNK = 100  # steps of one call, after which progress is shown and draws leave the device


class Chains:
    """Chains of one target that go on from where they stand; one compiled program for warm-up and draws.

    Parameters
    ----------
    target : Target
    sampler : Sampler
    state : Tensor [chains, rows, size]
    warm_up : int
    seed : int
    engine : "xla" or "graph"
    """

    def __init__(
        self, target: Target, sampler: Any, state: tf.Tensor, warm_up: int, seed: int, engine: str = "xla"
    ) -> None:
        self.kernel = sampler.kernel(target.log_prob, target.rows, warm_up)
        self.sampler, self.state, self.seed = sampler, state, noise.seed_tensor(seed)
        self.results = self.kernel.bootstrap_results(state)
        self.done = 0
        self._run = tf.function(self._steps, autograph=False, jit_compile=engine == "xla")

    def walk(self, steps: int) -> Iterator[tuple[np.ndarray, Trace]]:
        """Take steps, some at once; yield their states [n, chains, rows, size] and what the kernel told of each."""
        last = self.done + steps
        while self.done < last:
            count = min(CHUNK, last - self.done)
            self.state, self.results, states, trace = self._run(
                self.state, self.results, tf.constant(self.done), tf.constant(count)
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
        states, *told = [record.stack() for record in records]
        return state, results, states, Trace(*told)
