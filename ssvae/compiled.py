"""One stage's training steps, compiled: the only gradient tape over weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ssvae import noise
from ssvae.models.base import Stage
from ssvae.objective import Losses, Objective
from ssvae.programs import twin
from ssvae.types import Batch


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
    """

    def __init__(self, stage: Stage, objective: Objective, used: tuple[bool, bool], clip_norm: float) -> None:
        self.model, self.source, self.objective, self.used = twin(stage.model), stage.source, objective, used
        self.variables = self.model.trainable_variables
        self.optimizer = keras.optimizers.Adam(global_clipnorm=clip_norm)
        self.optimizer.build(self.variables)
        orders = (_integers(None, None),) * 2
        scalars = (tf.TensorSpec([], tf.int64), _floats(), _floats(), _integers(2), _floats())
        signature = (_rows_spec(stage), orders, _floats(None), *scalars)
        self.run = tf.function(self._run, input_signature=signature, autograph=False)

    def start(self, weights: list[np.ndarray]) -> None:
        """Begin a new run from these weights."""
        self.model.set_weights(weights)
        for variable in self.optimizer.variables:
            variable.assign(tf.zeros_like(variable.value))

    def arrays(self) -> list[np.ndarray]:
        """Return the whole state: weights of the model, then variables of the optimizer."""
        return [np.array(v) for v in (*self.model.weights, *self.optimizer.variables)]

    def restore(self, arrays: list[np.ndarray]) -> None:
        """Go back to a state of `arrays`."""
        for variable, value in zip((*self.model.weights, *self.optimizer.variables), arrays, strict=True):
            variable.assign(value)

    def _run(self, rows, orders, rates, first, share, count, seed, total):  # type: ignore[no-untyped-def]
        """Take len(rates) steps and return their losses, [steps, 5]."""
        steps = tf.shape(rates)[0]

        def body(step: tf.Tensor, record: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            losses = self._step(rows, orders, step, rates[step], share, count, seed, first, total)
            return step + 1, record.write(step, tf.stack(losses))

        record = tf.TensorArray(tf.float32, steps, element_shape=[len(Losses._fields)])
        loop = tf.while_loop(lambda step, _: step < steps, body, (0, record), parallel_iterations=1)
        return loop[1].stack()

    def _step(self, rows, orders, step, rate, share, count, seed, first, total):  # type: ignore[no-untyped-def]
        position = first + tf.cast(step, tf.int64)
        key = noise.fold(seed, position)
        labelled = self._batch(rows, orders[0][step], noise.fold(key, 0)) if self.used[0] else None
        unlabelled = self._batch(rows, orders[1][step], noise.fold(key, 1)) if self.used[1] else None
        done = tf.cast(position, tf.float32) / total
        with tf.GradientTape() as tape:
            losses = self.objective(self.model, labelled, unlabelled, share, count, noise.fold(key, 2), done)
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply(tape.gradient(losses.loss, [v.value for v in self.variables]), self.variables)
        return losses

    def _batch(self, rows: Rows, index: tf.Tensor, key: tf.Tensor) -> Batch:
        y = tf.one_hot(tf.gather(rows.y, index), getattr(self.model, "classes", 1))
        x = self._observed(rows, index, noise.fold(key, 0))
        batch = Batch(x, y, tf.gather(rows.weight, index), index, hint=tf.gather(rows.hints, index))
        asks = any(regularizer.peers for regularizer in self.objective.regularizers)
        return batch._replace(peer=self._peer(rows, index, noise.fold(key, 1))) if asks else batch

    def _peer(self, rows: Rows, index: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        """Return one of the nearest rows of each row."""
        every = tf.gather(rows.peers, index)
        count = tf.cast(tf.shape(every)[1], tf.float32)
        pick = tf.cast(noise.uniform(tf.shape(index), noise.fold(key, 0)) * count, tf.int32)
        return self._observed(rows, tf.gather(every, pick, batch_dims=1), noise.fold(key, 1))

    def _observed(self, rows: Rows, index: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        return self.source.observe(tf.nest.map_structure(lambda array: tf.gather(array, index), rows.x), key)


def tensors(rows: Rows) -> Rows:
    """Put the rows where the steps run, once."""
    x = tf.nest.map_structure(lambda array: tf.constant(array, tf.float32), rows.x)
    peers, hints = tf.constant(rows.peers, tf.int32), tf.constant(rows.hints, tf.float32)
    return Rows(x, tf.constant(rows.y, tf.int32), tf.constant(rows.weight, tf.float32), peers, hints)


def _rows_spec(stage: Stage) -> Rows:
    x = tf.nest.map_structure(lambda array: _floats(None, *array.shape[1:]), stage.rows)
    return Rows(x, _integers(None), _floats(None), _integers(None, None), _floats(None, None))


def _floats(*shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32)


def _integers(*shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.int32)
