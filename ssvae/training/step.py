"""One stage's training steps, compiled: the only gradient tape over weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.adam import Adam, penalty
from ssvae.backend.compile_cache import twin
from ssvae.backend.engine import Engine, using
from ssvae.backend.replica_context import summed
from ssvae.distributed.strategy import ONE, Places
from ssvae.models.base import Stage
from ssvae.models.capabilities import HasClasses, class_count
from ssvae.objective import Losses, Objective
from ssvae.training.minibatch import (
    TrainingArrays,
    at,
    batches,
    floats,
    integers,
    near,
    share,
    signature,
    taken,
    tensors,
)
from ssvae.training.shuffling import LABELLED
from ssvae.types import Batch


class When(NamedTuple):
    """What the steps of a run have in common."""

    seed: Any  # [2] int32
    share: Any  # [] N_l / N
    rows: Any  # [] N
    steps: Any  # [] of the whole run


class Replica:
    """A twin of a stage's model with an optimizer, and the steps that it takes.

    Several replicas share the rows of each batch: they begin alike, add up their losses and gradients, and stay alike.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    clip_norm : float
        Largest global norm of a gradient.
    engine : Engine
    """

    def __init__(self, stage: Stage, objective: Objective, clip_norm: float, engine: Engine) -> None:
        self.model, self.observation, self.objective = twin(stage.model), stage.observation, objective
        self.engine, self.precisions = engine, objective.precisions(self.model)
        self.weights = [variable.value for variable in self.model.trainable_variables]
        self.optimizer = Adam(self.weights, clip_norm)
        # Alone, it is compiled together with the loop around it; what is between replicas, XLA cannot compile.
        apart = engine.xla and engine.replicas > 1
        self.slopes = tf.function(self._slopes, autograph=False, jit_compile=True) if apart else self._slopes

    @property
    def variables(self) -> list[Any]:
        """The whole state: weights of the model, then variables of the optimizer."""
        return [*self.model.weights, *self.optimizer.variables]

    def step(self, labelled, unlabelled, rate, position, when):  # type: ignore[no-untyped-def]
        """Take one step and return the losses of the whole batch."""
        with using(self.engine):  # here, because a strategy calls each replica in a thread of its own
            losses, gradients = summed(self.slopes(labelled, unlabelled, position, when))
            precisions = [precision / when.rows for precision in self.precisions]
            self.optimizer.apply(gradients, rate, precisions)
            return losses._replace(loss=losses.loss + penalty(self.weights, precisions))

    def _slopes(self, labelled, unlabelled, position, when):  # type: ignore[no-untyped-def]
        """Return the losses of the rows that are here, as parts of the whole batch's, and their gradients."""
        key = random.fold(when.seed, position)
        labelled, unlabelled = (
            self._observed(batch, random.fold(key, stream)) for stream, batch in enumerate((labelled, unlabelled))
        )
        done = tf.cast(position, tf.float32) / when.steps
        with tf.GradientTape() as tape:
            losses = self.objective(self.model, labelled, unlabelled, when.share, random.fold(key, 2), done)
        return losses, tape.gradient(losses.loss, self.weights, unconnected_gradients="zero")

    def _observed(self, batch: Batch | None, key: tf.Tensor) -> Batch | None:
        """Return the batch with values that the model can score."""
        if batch is None:
            return None
        x, neighbour = batch.x, batch.neighbour
        with random.rows_at(batch.position, batch.total_rows):
            neighbour = None if neighbour is None else self.observation.observe(neighbour, random.fold(key, 1))
            return batch._replace(x=self.observation.observe(x, random.fold(key, 0)), neighbour=neighbour)


class Program:
    """The compiled loop of one stage, on twins of its model.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    used : tuple of bool
        Whether there are labelled and unlabelled rows.
    clip_norm : float
        Largest global norm of a gradient.
    engine : Engine
    places : Places
        Where the replicas live.
    """

    def __init__(
        self,
        stage: Stage,
        objective: Objective,
        used: tuple[bool, bool],
        clip_norm: float,
        engine: Engine,
        places: Places = ONE,
    ) -> None:
        self.used, self.places = used, places
        engine = engine._replace(training=True, replicas=places.count)
        self.replicas = []
        for device in places.devices:
            with tf.device(device):
                self.replicas.append(Replica(stage, objective, clip_norm, engine))
        self.model = self.replicas[0].model
        self.asks = isinstance(self.model, HasClasses) and any(part.neighbours for part in objective.regularizers)
        self.steps = tf.function(self._steps, autograph=False, jit_compile=engine.xla and places.count == 1)
        # Traced here and once: TensorFlow warns of functions that it traces at calls, one for each model.
        self.run = tf.function(self._run, autograph=False).get_concrete_function(*self._signature(stage))

    def start(self, weights: list[np.ndarray]) -> None:
        """Begin a new run from these weights."""
        for replica in self.replicas:
            replica.model.set_weights(weights)
            for variable in replica.optimizer.variables:
                variable.assign(tf.zeros_like(variable))

    def arrays(self) -> list[np.ndarray]:
        """Return the whole state, which is that of every replica."""
        return [np.array(variable) for variable in self.replicas[0].variables]

    def restore(self, arrays: list[np.ndarray]) -> None:
        """Go back to a state of `arrays`."""
        for replica in self.replicas:
            for variable, value in zip(replica.variables, arrays, strict=True):
                variable.assign(value)

    def tensors(self, rows: TrainingArrays) -> tuple[TrainingArrays, ...]:
        """Put the rows where each replica is."""
        found = []
        for device in self.places.devices:
            with tf.device(device):
                found.append(tensors(rows))
        return tuple(found)

    def _run(self, rows, orders, rates, first, count, when):  # type: ignore[no-untyped-def]
        """Take the first `count` of len(rates) steps and return their losses, [len(rates), 5]; the rest are zero.

        The rows are gathered out here, for all steps at once, so that what XLA compiles knows nothing of their number.
        """
        streams = []
        for device, number, own in zip(self.places.devices, self.places.numbers, rows, strict=True):
            with tf.device(device):
                streams.append(self._streams(own, orders, number, first, when))
        return self.steps(streams, rates, first, count, when)

    def _streams(self, rows, orders, number, first, when):  # type: ignore[no-untyped-def]
        """Return the labelled and the unlabelled batches of one replica, of all steps."""
        labelled, unlabelled = (
            self._gather(rows, order, number, stream == LABELLED) if used else None
            for stream, (order, used) in enumerate(zip(orders, self.used, strict=True))
        )
        if unlabelled is not None and self.asks:
            index = near(rows, orders[1], random.fold(when.seed, -1), first)
            neighbour = taken(rows.x, share(index, number, self.places.count)[0], self.model.features)
            unlabelled = unlabelled._replace(neighbour=neighbour)
        return labelled, unlabelled

    def _gather(self, rows: TrainingArrays, order: tf.Tensor, number: int, labelled: bool) -> Batch:
        known = class_count(self.model), self.model.features, labelled
        every = tf.shape(order)
        if self.places.count == 1:
            return batches(rows, order, *known)
        order, place = share(order, number, self.places.count)
        place, whole = tf.broadcast_to(place, tf.shape(order)), tf.fill(every[:1], every[1])
        return batches(rows, order, *known)._replace(position=place, total_rows=whole)

    def _steps(self, streams, rates, first, count, when):  # type: ignore[no-untyped-def]
        def body(step: tf.Tensor, record: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            position = first + tf.cast(step, tf.int64)

            def one(number: int) -> Losses:
                labelled, unlabelled = (at(stream, step) for stream in streams[number])
                return self.replicas[number].step(labelled, unlabelled, rates[step], position, when)

            return step + 1, record.write(step, tf.stack(self.places.run(one)))

        record = tf.TensorArray(tf.float32, tf.shape(rates)[0], element_shape=[len(Losses._fields)])
        loop = tf.while_loop(lambda step, _: step < count, body, (0, record), parallel_iterations=1)
        return loop[1].stack()

    def _signature(self, stage: Stage) -> tuple[Any, ...]:
        """Return the types of the arguments of `run`."""
        rows, orders = (signature(stage.rows),) * len(self.replicas), (integers(None, None),) * 2
        when = When(integers(2), floats(), floats(), floats())
        return rows, orders, floats(None), tf.TensorSpec([], tf.int64), integers(), when
