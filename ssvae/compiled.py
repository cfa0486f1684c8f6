"""One stage's training steps, compiled: the only gradient tape over weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ssvae import noise
from ssvae.adam import Adam, penalty
from ssvae.engine import Engine, using
from ssvae.models.base import Stage
from ssvae.objective import Losses, Objective
from ssvae.programs import twin
from ssvae.sparse import Parts, Table
from ssvae.types import Batch


class When(NamedTuple):
    """What the steps of a run have in common."""

    seed: Any  # [2] int32
    share: Any  # [] N_l / N
    rows: Any  # [] N
    steps: Any  # [] of the whole run


class Rows(NamedTuple):
    """The rows of a stage, with all that is known of each; k and K are 0 where no regularizer asks for them."""

    x: Any  # nest of arrays [N, ...]
    y: np.ndarray  # [N] class index, -1 where there is no label
    weight: np.ndarray  # [N], of mean 1 over each stream
    peers: np.ndarray  # [N, k] the nearest rows of each row
    hints: np.ndarray  # [N, K] propagated labels


class Program:
    """The compiled loop of one stage, on a twin of its model.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    used : tuple of bool
        Whether there are labelled and unlabelled rows.
    clip_norm : float
        Largest global norm of a gradient.
    engine : Engine
    """

    def __init__(
        self, stage: Stage, objective: Objective, used: tuple[bool, bool], clip_norm: float, engine: Engine
    ) -> None:
        self.model, self.source, self.objective, self.used = twin(stage.model), stage.source, objective, used
        self.engine, self.precisions = engine, objective.precisions(self.model)
        self.weights = [variable.value for variable in self.model.trainable_variables]
        self.optimizer = Adam(self.weights, clip_norm)
        self.asks = hasattr(self.model, "classify") and any(part.peers for part in objective.regularizers)
        self.steps = tf.function(self._steps, autograph=False, jit_compile=engine.xla)
        # Traced here and once: TensorFlow warns of functions that it traces at calls, one for each model.
        self.run = tf.function(self._run, autograph=False).get_concrete_function(*_signature(stage))

    def start(self, weights: list[np.ndarray]) -> None:
        """Begin a new run from these weights."""
        self.model.set_weights(weights)
        for variable in self.optimizer.variables:
            variable.assign(tf.zeros_like(variable))

    def arrays(self) -> list[np.ndarray]:
        """Return the whole state: weights of the model, then variables of the optimizer."""
        return [np.array(v) for v in (*self.model.weights, *self.optimizer.variables)]

    def restore(self, arrays: list[np.ndarray]) -> None:
        """Go back to a state of `arrays`."""
        for variable, value in zip((*self.model.weights, *self.optimizer.variables), arrays, strict=True):
            variable.assign(value)

    def _run(self, rows, orders, rates, first, count, when):  # type: ignore[no-untyped-def]
        """Take the first `count` of len(rates) steps and return their losses, [len(rates), 5]; the rest are zero.

        The rows are gathered out here, for all steps at once, so that what XLA compiles knows nothing of their number.
        """
        labelled, unlabelled = (
            self._gather(rows, order) if used else None for order, used in zip(orders, self.used, strict=True)
        )
        if unlabelled is not None and self.asks:
            peer = self._peers(rows, orders[1], noise.fold(when.seed, -1), first)
            unlabelled = unlabelled._replace(peer=peer)
        return self.steps(labelled, unlabelled, rates, first, count, when)

    def _gather(self, rows: Rows, order: tf.Tensor) -> Batch:
        """Return what is known of the rows [steps, B]."""
        y, x = (
            tf.one_hot(tf.gather(rows.y, order), getattr(self.model, "classes", 1)),
            _taken(rows.x, order, self.model.features),
        )
        return Batch(x, y, tf.gather(rows.weight, order), order, hint=tf.gather(rows.hints, order))

    def _peers(self, rows: Rows, order: tf.Tensor, key: tf.Tensor, first: tf.Tensor) -> Any:
        """Return one of the nearest rows of each of the rows [steps, B]."""
        every = tf.gather(rows.peers, order)  # [steps, B, k]
        start = tf.cast(first, tf.uint32) * tf.cast(tf.shape(order)[1], tf.uint32)
        pick = noise.uniform(tf.shape(order), key, start) * tf.cast(tf.shape(every)[2], tf.float32)
        return _taken(rows.x, tf.gather(every, tf.cast(pick, tf.int32), batch_dims=2), self.model.features)

    def _steps(self, labelled, unlabelled, rates, first, count, when):  # type: ignore[no-untyped-def]
        def body(step: tf.Tensor, record: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            position = first + tf.cast(step, tf.int64)
            losses = self._step(_at(labelled, step), _at(unlabelled, step), rates[step], position, when)
            return step + 1, record.write(step, tf.stack(losses))

        record = tf.TensorArray(tf.float32, tf.shape(rates)[0], element_shape=[len(Losses._fields)])
        with using(self.engine._replace(training=True)):
            loop = tf.while_loop(lambda step, _: step < count, body, (0, record), parallel_iterations=1)
        return loop[1].stack()

    def _step(self, labelled, unlabelled, rate, position, when):  # type: ignore[no-untyped-def]
        key = noise.fold(when.seed, position)
        labelled, unlabelled = (
            self._observed(batch, noise.fold(key, stream)) for stream, batch in enumerate((labelled, unlabelled))
        )
        done = tf.cast(position, tf.float32) / when.steps
        with tf.GradientTape() as tape:
            losses = self.objective(self.model, labelled, unlabelled, when.share, noise.fold(key, 2), done)
        gradients = tape.gradient(losses.loss, self.weights, unconnected_gradients="zero")
        precisions = [precision / when.rows for precision in self.precisions]
        self.optimizer.apply(gradients, rate, precisions)
        return losses._replace(loss=losses.loss + penalty(self.weights, precisions))

    def _observed(self, batch: Batch | None, key: tf.Tensor) -> Batch | None:
        """Return the batch with values that the model can score."""
        if batch is None:
            return None
        x, peer = batch.x, batch.peer
        peer = None if peer is None else self.source.observe(peer, noise.fold(key, 1))
        return batch._replace(x=self.source.observe(x, noise.fold(key, 0)), peer=peer)


def tensors(rows: Rows) -> Rows:
    """Put the rows where the steps run, once."""
    x = tf.nest.map_structure(lambda array: tf.constant(array, _kind(array)), _parts(rows.x))
    peers, hints = tf.constant(rows.peers, tf.int32), tf.constant(rows.hints, tf.float32)
    return Rows(x, tf.constant(rows.y, tf.int32), tf.constant(rows.weight, tf.float32), peers, hints)


def _at(stream: Batch | None, step: tf.Tensor) -> Batch | None:
    """Return one step's batch out of those of many."""
    return tf.nest.map_structure(lambda every: None if every is None else every[step], stream)


def _parts(x: Any) -> Any:
    """Return the rows of a stage as a nest of arrays."""
    return x.parts() if isinstance(x, Table) else x


def _kind(array: np.ndarray) -> tf.DType:
    return tf.as_dtype(array.dtype) if np.issubdtype(array.dtype, np.integer) else tf.float32


def _taken(x: Any, index: tf.Tensor, width: int) -> Any:
    """Return the rows of this index [...], dense: a nest of [..., width]."""
    if isinstance(x, Parts):
        return _dense(x, index, width)
    return tf.nest.map_structure(lambda array: tf.gather(array, index), x)


def _dense(x: Parts, index: tf.Tensor, width: int) -> tf.Tensor:
    """Return rows of a sparse table, [..., width]."""
    rows = tf.reshape(index, [-1])
    begin, end = tf.gather(x.starts, rows), tf.gather(x.starts, rows + 1)
    row = tf.repeat(tf.range(tf.size(rows)), end - begin)
    before = tf.cumsum(end - begin, exclusive=True)
    position = tf.range(tf.size(row, out_type=tf.int64)) + tf.repeat(begin - before, end - begin)
    cells = tf.stack([row, tf.gather(x.columns, position)], axis=1)
    found = tf.scatter_nd(cells, tf.gather(x.values, position), [tf.size(rows), width])
    return tf.reshape(found, tf.concat([tf.shape(index), [width]], 0))


def _signature(stage: Stage) -> tuple[Any, ...]:
    """Return the types of the arguments of `Program.run`."""
    x = tf.nest.map_structure(lambda array: tf.TensorSpec([None, *array.shape[1:]], _kind(array)), _parts(stage.rows))
    rows = Rows(x, _integers(None), _floats(None), _integers(None, None), _floats(None, None))
    orders, when = (_integers(None, None),) * 2, When(_integers(2), _floats(), _floats(), _floats())
    return rows, orders, _floats(None), tf.TensorSpec([], tf.int64), _integers(), when


def _floats(*shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32)


def _integers(*shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.int32)
