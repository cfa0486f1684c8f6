"""Parallel Markov chains of one posterior density, run by one compiled program."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.engine import Engine, using
from ssvae.bayes_nets.mass_matrix import MassMatrix
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers.base import KernelResults, Sampler, Trace

WINDOWS = (0.2, 0.3)  # shares of the warm-up after which the mass matrix is learnt
LEAST = 20  # steps of a warm-up that is worth dividing
GROUP = 32  # chains of one core; more of them are run in groups in parallel
CHUNK = 100  # steps of one call, after which progress is reported and draws are copied to NumPy


class Chains:
    """Chains that continue from their current state; one compiled program for warm-up and draws.

    Each group of chains adapts its own step size; the mass matrix is learnt from all of them. The number of groups
    depends on the number of chains alone, so that draws do not depend on the machine.

    Parameters
    ----------
    density : PosteriorDensity
    sampler : Sampler
    state : Tensor [chains, rows, size]
    warm_up : int
        Steps of `warm`.
    seed : int
    engine : "xla" or "graph"
    metric : str
        See `mass_matrix.MassMatrix`.
    """

    def __init__(
        self,
        density: PosteriorDensity,
        sampler: Sampler,
        state: tf.Tensor,
        warm_up: int,
        seed: int,
        engine: str = "xla",
        metric: str = "unit",
    ) -> None:
        self.mass_matrix = MassMatrix(metric, density.rows, density.size)
        short = warm_up < LEAST or metric == "unit"
        windows = [] if short else [int(share * warm_up) for share in WINDOWS]
        self.windows = [*windows, warm_up - sum(windows)]
        self.density, self.sampler, self.seed, self.done = density, sampler, random.seed_tensor(seed), 0
        self.kernel = sampler.kernel(self._log_prob, density.rows, self.windows[-1])
        self._start(state)
        self.engine = Engine(xla=engine == "xla")
        self._run = tf.function(self._steps, autograph=False, jit_compile=self.engine.xla)

    def warm(self) -> Iterator[None]:
        """Take the steps of the warm-up; the mass matrix is learnt between its windows, step sizes within each."""
        for window in self.windows[:-1]:
            kept = []
            for states, _ in self.walk(window):
                kept.append(states)
                yield
            self.mass_matrix.learn(np.concatenate(kept)[window // 2 :])
            self._start(tf.constant(kept[-1][-1]))
        for _ in self.walk(self.windows[-1]):
            yield

    def _log_prob(self, u: tf.Tensor) -> tf.Tensor:
        return self.density.log_prob(self.mass_matrix.state(u))

    def _start(self, state: tf.Tensor) -> None:
        parts = tf.split(self.mass_matrix.coordinates(state), groups(state.shape[0]))
        self.parts = [(u, self.kernel.bootstrap_results(u)) for u in parts]

    def walk(self, steps: int) -> Iterator[tuple[np.ndarray, Trace]]:
        """Take steps, some at once; yield their states [n, chains, rows, size] and traces."""
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

    def _steps(
        self, state: tf.Tensor, results: KernelResults, seed: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[tf.Tensor, KernelResults, tf.Tensor, Trace]:
        def body(
            step: tf.Tensor, state: tf.Tensor, results: KernelResults, records: list[tf.TensorArray]
        ) -> tuple[tf.Tensor, tf.Tensor, KernelResults, list[tf.TensorArray]]:
            state, results = self.kernel.one_step(state, results, seed=random.fold(seed, first + step))
            parts = zip(records, (state, *self.sampler.trace(results)), strict=True)
            return step + 1, state, results, [record.write(step, part) for record, part in parts]

        with using(self.engine):
            _, state, results, records = tf.while_loop(
                lambda step, *_: step < count,
                body,
                (tf.constant(0), state, results, _records(state)),
                maximum_iterations=CHUNK,
            )
        u, *trace = [record.stack() for record in records]
        return state, results, self.mass_matrix.state(u), Trace(*trace)


def _records(state: tf.Tensor) -> list[tf.TensorArray]:
    """Return where the steps of one call write their states and traces."""
    shapes: tuple[tf.TensorShape, ...] = (state.shape, state.shape[:-1], state.shape[:-1], [])
    dtypes = (tf.float32, tf.float32, tf.bool, tf.int32)
    return [tf.TensorArray(dtype, CHUNK, element_shape=shape) for dtype, shape in zip(dtypes, shapes, strict=True)]


def groups(chains: int) -> int:
    """Return in how many groups of equal size a number of chains is run."""
    return max(n for n in range(1, max(1, chains // GROUP) + 1) if chains % n == 0)
