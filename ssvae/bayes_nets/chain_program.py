"""The compiled transitions of Markov chains, kept for later runs whose posterior density is the same computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.compile_cache import POOL
from ssvae.backend.engine import Engine, using
from ssvae.backend.fingerprint import fingerprint
from ssvae.backend.leapfrog import position
from ssvae.bayes_nets.mass_matrix import MassMatrix
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers.base import KernelResults, Sampler, Trace

CHUNK = 100  # steps of one call, after which progress is reported and draws are copied to NumPy


class ChainProgram:
    """Transitions of a group of chains in coordinates of a mass matrix, which is the program's own; and so are data.

    Parameters
    ----------
    density : PosteriorDensity
    sampler : Sampler
    warm_up : int
        Steps in which the kernel adapts itself.
    engine : "xla" or "graph"
    metric : str
        See `mass_matrix.MassMatrix`.
    """

    def __init__(self, density: PosteriorDensity, sampler: Sampler, warm_up: int, engine: str, metric: str) -> None:
        self._density, self._sampler, self._engine = density, sampler, Engine(xla=engine == "xla")
        self._data = {name: tf.Variable(value) for name, value in density.data.items()}
        self.mass_matrix = MassMatrix(metric, density.rows, density.size)
        self.kernel = sampler.kernel(self._log_prob, density.rows, warm_up)
        self.start = tf.function(self.kernel.bootstrap_results, autograph=False)
        self.run = tf.function(self._steps, autograph=False, jit_compile=self._engine.xla)

    @property
    def parameters(self) -> int:
        """See `compile_cache.Program`: the numbers that it holds."""
        return int(tf.size(self.mass_matrix.factor)) + sum(int(tf.size(value)) for value in self._data.values())

    def take(self, data: Mapping[str, tf.Tensor]) -> None:
        """Compute with other data of the same shapes, and with unit mass."""
        for name, value in data.items():
            self._data[name].assign(value)
        self.mass_matrix.reset()

    def _log_prob(self, u: tf.Tensor) -> tf.Tensor:
        data = {name: tf.convert_to_tensor(value) for name, value in self._data.items()}
        return self._density.log_prob(self.mass_matrix.state(u), data)

    def _steps(
        self, state: tf.Tensor, results: KernelResults, seed: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[tf.Tensor, KernelResults, tf.Tensor, Trace]:
        def body(
            step: tf.Tensor, state: tf.Tensor, results: KernelResults, records: list[tf.TensorArray]
        ) -> tuple[tf.Tensor, tf.Tensor, KernelResults, list[tf.TensorArray]]:
            state, results = self.kernel.one_step(state, results, seed=random.fold(seed, first + step))
            parts = zip(records, (state, *self._sampler.trace(results)), strict=True)
            return step + 1, state, results, [record.write(step, part) for record, part in parts]

        with using(self._engine):
            _, state, results, records = tf.while_loop(
                lambda step, *_: step < count,
                body,
                (tf.constant(0), state, results, _records(state)),
                maximum_iterations=CHUNK,
            )
        u, *trace = [record.stack() for record in records]
        return state, results, self.mass_matrix.state(u), Trace(*trace)


@contextmanager
def lent(
    density: PosteriorDensity, sampler: Sampler, chains: int, warm_up: int, engine: str, metric: str
) -> Iterator[ChainProgram]:
    """Yield a program for groups of this many chains, with the data of a density; arguments as of `ChainProgram`.

    The functions of a net may read anything, so that neither the net nor its name is the key of a program, but what its
    density computes now.
    """
    traced = tf.function(lambda state, data: position(lambda u: density.log_prob(u, data), state)[1:], autograph=False)
    with using(Engine(xla=engine == "xla")):
        state = tf.TensorSpec([chains, density.rows, density.size], tf.float32)
        computed = fingerprint(traced.get_concrete_function(state, density.data))
    key = (computed, sampler, warm_up, engine, metric)
    with POOL.lend(key, lambda: ChainProgram(density, sampler, warm_up, engine, metric)) as program:
        program.take(density.data)
        yield program


def _records(state: tf.Tensor) -> list[tf.TensorArray]:
    """Return where the steps of one call write their states and traces."""
    shapes: tuple[tf.TensorShape, ...] = (state.shape, state.shape[:-1], state.shape[:-1], [])
    dtypes = (tf.float32, tf.float32, tf.bool, tf.int32)
    return [tf.TensorArray(dtype, CHUNK, element_shape=shape) for dtype, shape in zip(dtypes, shapes, strict=True)]
