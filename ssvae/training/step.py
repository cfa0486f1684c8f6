"""One training step of one replica: the only gradient tape over weights."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ssvae.backend import random, seeds
from ssvae.backend.adam import Adam, penalty
from ssvae.backend.compile_cache import copy_of
from ssvae.backend.engine import Engine, using
from ssvae.backend.replica_context import summed
from ssvae.models.base import Stage
from ssvae.objective import Losses, Objective
from ssvae.types import Batch


class RunConstants(NamedTuple):
    """What all steps of a stage have in common."""

    seed: tf.Tensor  # [2] int32
    share: tf.Tensor  # [] N_l / N
    rows: tf.Tensor  # [] N
    steps: tf.Tensor  # [] of the whole stage
    strength: tf.Tensor  # [] that the regularizers are multiplied by


class Replica:
    """A copy of a stage's model with an optimizer, and the steps that it takes.

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
        self.model, self.observation, self.objective = copy_of(stage.model), stage.observation, objective
        self.engine, self.precisions = engine, objective.precisions(self.model)
        self.weights = [variable.value for variable in self.model.trainable_variables]
        self.optimizer = Adam(self.weights, clip_norm)
        # One replica is compiled together with the loop around it; XLA cannot compile sums over several.
        apart = engine.xla and engine.replicas > 1
        self.gradients = tf.function(self._gradients, autograph=False, jit_compile=True) if apart else self._gradients

    @property
    def variables(self) -> list[tf.Variable]:
        """The whole state: weights of the model, then variables of the optimizer."""
        return [*self.model.weights, *self.optimizer.variables]

    def step(
        self, labelled: Batch | None, unlabelled: Batch | None, rate: tf.Tensor, number: tf.Tensor, run: RunConstants
    ) -> Losses:
        """Take step `number` of the stage and return the losses of the whole batch, at the weights before it."""
        with using(self.engine):  # here, because a strategy calls each replica in a thread of its own
            losses, gradients = summed(self.gradients(labelled, unlabelled, number, run))
            precisions = [precision / run.rows for precision in self.precisions]
            losses = losses._replace(loss=losses.loss + penalty(self.weights, precisions))  # of the same weights
            self.optimizer.apply(gradients, rate, precisions)
            return losses

    def _gradients(
        self, labelled: Batch | None, unlabelled: Batch | None, number: tf.Tensor, run: RunConstants
    ) -> tuple[Losses, list[tf.Tensor]]:
        """Return the losses of the rows that are here, as parts of the whole batch's, and their gradients."""
        key = random.fold(run.seed, number)
        labelled = self._observed(labelled, random.fold(key, seeds.LABELLED_ROWS))
        unlabelled = self._observed(unlabelled, random.fold(key, seeds.UNLABELLED_ROWS))
        done, own = tf.cast(number, tf.float32) / run.steps, random.fold(key, seeds.OBJECTIVE)
        with tf.GradientTape() as tape:
            losses = self.objective(self.model, labelled, unlabelled, run.share, own, done, run.strength)
        return losses, tape.gradient(losses.loss, self.weights, unconnected_gradients="zero")

    def _observed(self, batch: Batch | None, key: tf.Tensor) -> Batch | None:
        """Return the batch with values that the model can score."""
        if batch is None:
            return None
        x, neighbour, observe = batch.x, batch.neighbour, self.observation.observe
        with random.rows_at(batch.position, batch.total_rows):
            if neighbour is not None:
                neighbour = observe(neighbour, random.fold(key, seeds.NEIGHBOUR_OBSERVATION))
            return batch._replace(x=observe(x, random.fold(key, seeds.OBSERVATION)), neighbour=neighbour)
