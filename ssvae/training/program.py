"""The compiled loop of a stage: many training steps a call, on one replica or several."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import tensorflow as tf

from ssvae.backend import random, seeds
from ssvae.backend.engine import Engine
from ssvae.distributed.strategy import ONE, ReplicaLayout
from ssvae.models.base import Stage
from ssvae.models.capabilities import HasClasses, class_count
from ssvae.objective import Losses, Objective
from ssvae.training.callbacks import Arrays
from ssvae.training.minibatch import (
    TrainingArrays,
    batch_of_step,
    batches,
    draw_neighbours,
    floats,
    gathered,
    integers,
    share,
    signature,
    tensors,
)
from ssvae.training.shuffling import LABELLED
from ssvae.training.step import Replica, RunConstants
from ssvae.types import Batch

# The labelled and the unlabelled batches of many steps, [steps, B, ...]; None where there are no such rows.
Batches: TypeAlias = tuple[Batch | None, Batch | None]
# The rows of each step of the two streams, [steps, B].
Orders: TypeAlias = tuple[tf.Tensor, tf.Tensor]


class Program:
    """The compiled loop of one stage, on copies of its model.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    used : tuple of bool
        Whether there are labelled and unlabelled rows.
    clip_norm : float
        Largest global norm of a gradient.
    engine : Engine
    layout : ReplicaLayout
        Where the replicas run.
    """

    def __init__(
        self,
        stage: Stage,
        objective: Objective,
        used: tuple[bool, bool],
        clip_norm: float,
        engine: Engine,
        layout: ReplicaLayout = ONE,
    ) -> None:
        self.used, self.layout = used, layout
        self.compiled: set[int] = set()  # lengths of the windows that `run` has been called with
        engine = engine._replace(training=True, replicas=layout.count)
        self.replicas = []
        for device in layout.devices:
            with tf.device(device):
                self.replicas.append(Replica(stage, objective, clip_norm, engine))
        self.model = self.replicas[0].model
        wanted = any(regularizer.neighbours for regularizer in objective.regularizers)
        self.with_neighbours = wanted and isinstance(self.model, HasClasses)
        self.by_xla = engine.xla and layout.count == 1
        self.steps = tf.function(self._steps, autograph=False, jit_compile=self.by_xla)
        # Traced here and once: TensorFlow warns of functions that it traces at calls, one for each model.
        self.run = tf.function(self._run, autograph=False).get_concrete_function(*self._signature(stage))

    @property
    def parameters(self) -> int:
        """See `compile_cache.Program`: of the model alone."""
        return self.model.count_params()

    def start(self, weights: Arrays) -> None:
        """Begin a new run from these weights."""
        for replica in self.replicas:
            replica.model.set_weights(weights)
            for variable in replica.optimizer.variables:
                variable.assign(tf.zeros_like(variable))

    def arrays(self) -> Arrays:
        """Return the whole state, which is that of every replica."""
        return [np.array(variable) for variable in self.replicas[0].variables]

    def restore(self, arrays: Arrays) -> None:
        """Go back to a state of `arrays`."""
        for replica in self.replicas:
            for variable, value in zip(replica.variables, arrays, strict=True):
                variable.assign(value)

    def tensors(self, rows: TrainingArrays) -> tuple[TrainingArrays, ...]:
        """Return the rows as tensors on the device of each replica."""
        found = []
        for device in self.layout.devices:
            with tf.device(device):
                found.append(tensors(rows, self.in_memory))
        return tuple(found)

    @property
    def in_memory(self) -> bool:
        """Whether the steps read NumPy's memory: one replica, on the CPU."""
        return self.layout.count == 1 and not tf.config.list_logical_devices("GPU")

    def _run(
        self,
        rows: tuple[TrainingArrays, ...],
        orders: Orders,
        rates: tf.Tensor,
        first: tf.Tensor,
        count: tf.Tensor,
        run: RunConstants,
    ) -> tf.Tensor:
        """Take the first `count` of len(rates) steps and return their losses, [len(rates), 5]; the rest are zero.

        The rows are gathered out here, for all steps at once, so that what XLA compiles knows nothing of their number.
        """
        streams = []
        for device, number, own in zip(self.layout.devices, self.layout.numbers, rows, strict=True):
            with tf.device(device):
                streams.append(self._streams(own, orders, number, first, run))
        return self.steps(streams, rates, first, count, run)

    def _streams(
        self, rows: TrainingArrays, orders: Orders, number: int, first: tf.Tensor, run: RunConstants
    ) -> Batches:
        """Return the labelled and the unlabelled batches of one replica, of all steps."""
        labelled, unlabelled = (
            self._gather(rows, order, number, stream == LABELLED) if used else None
            for stream, (order, used) in enumerate(zip(orders, self.used, strict=True))
        )
        if unlabelled is not None and self.with_neighbours:
            index = draw_neighbours(rows, orders[1], random.fold(run.seed, seeds.NEIGHBOURS), first)
            neighbour = gathered(rows.x, share(index, number, self.layout.count)[0], self.model.features)
            unlabelled = unlabelled._replace(neighbour=neighbour)
        return labelled, unlabelled

    def _gather(self, rows: TrainingArrays, order: tf.Tensor, number: int, labelled: bool) -> Batch:
        known = class_count(self.model), self.model.features, labelled
        every = tf.shape(order)
        if self.layout.count == 1:
            return batches(rows, order, *known)
        order, position = share(order, number, self.layout.count)
        position, total_rows = tf.broadcast_to(position, tf.shape(order)), tf.fill(every[:1], every[1])
        return batches(rows, order, *known)._replace(position=position, total_rows=total_rows)

    def _steps(
        self, streams: list[Batches], rates: tf.Tensor, first: tf.Tensor, count: tf.Tensor, run: RunConstants
    ) -> tf.Tensor:
        def body(step: tf.Tensor, record: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            number = first + tf.cast(step, tf.int64)

            def one(replica: int) -> Losses:
                labelled, unlabelled = (batch_of_step(stream, step) for stream in streams[replica])
                return self.replicas[replica].step(labelled, unlabelled, rates[step], number, run)

            return step + 1, record.write(step, tf.stack(self.layout.run(one)))

        record = tf.TensorArray(tf.float32, tf.shape(rates)[0], element_shape=[len(Losses._fields)])
        loop = tf.while_loop(lambda step, _: step < count, body, (0, record), parallel_iterations=1)
        return loop[1].stack()

    def _signature(self, stage: Stage) -> tuple[object, ...]:
        """Return the types of the arguments of `run`."""
        rows, orders = (signature(stage.rows),) * len(self.replicas), (integers(None, None),) * 2
        run = RunConstants(integers(2), *[floats()] * 4)
        return rows, orders, floats(None), tf.TensorSpec([], tf.int64), integers(), run
