"""Parallel Markov chains of one posterior density, run by one compiled program."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.bayes_nets.chain_program import CHUNK, lent
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers.base import Sampler, Trace

WINDOWS = (0.2, 0.3)  # shares of the warm-up after which the mass matrix is learnt
LEAST = 20  # steps of a warm-up that is worth dividing
GROUP = 32  # chains of one core; more of them are run in groups in parallel


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
        short = warm_up < LEAST or metric == "unit"
        windows = [] if short else [int(share * warm_up) for share in WINDOWS]
        self.windows = [*windows, warm_up - sum(windows)]
        self.seed, self.done, self._state = random.seed_tensor(seed), 0, state
        together = state.shape[0] // groups(state.shape[0])
        self._lent = lent(density, sampler, together, self.windows[-1], engine, metric)

    def __enter__(self) -> Self:
        """Borrow the compiled program."""
        self.program = self._lent.__enter__()
        self._start(self._state)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._lent.__exit__(kind, error, trace)

    def warm(self) -> Iterator[None]:
        """Take the steps of the warm-up; the mass matrix is learnt between its windows, step sizes within each."""
        for window in self.windows[:-1]:
            kept = []
            for states, _ in self.walk(window):
                kept.append(states)
                yield
            self.program.mass_matrix.learn(np.concatenate(kept)[window // 2 :])
            self._start(tf.constant(kept[-1][-1]))
        for _ in self.walk(self.windows[-1]):
            yield

    def _start(self, state: tf.Tensor) -> None:
        parts = tf.split(self.program.mass_matrix.coordinates(state), groups(state.shape[0]))
        self.parts = [(u, self.program.start(u)) for u in parts]

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
        u, results, states, trace = self.program.run(*self.parts[group], seed, *steps)
        self.parts[group] = u, results
        return tuple(part.numpy()[:count] for part in (states, *trace))


def groups(chains: int) -> int:
    """Return in how many groups of equal size a number of chains is run."""
    return max(n for n in range(1, max(1, chains // GROUP) + 1) if chains % n == 0)
