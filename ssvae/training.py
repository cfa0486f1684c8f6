"""The compiled training loop: the only gradient tape over weights."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ssvae import batches, noise
from ssvae.callbacks import Interrupted, State
from ssvae.hooks import Hooks
from ssvae.models.base import Stage
from ssvae.objective import Losses, Objective
from ssvae.programs import POOL, model_key, twin
from ssvae.types import Batch

STEPS_PER_CALL = 128  # long enough to hide the call, short enough to answer Ctrl-C within seconds
RETRIES = 5  # halvings of the learning rate before a diverging fit gives up


class Plan(NamedTuple):
    """How one stage is trained; a pass is over the unlabelled rows where there are any."""

    epochs: int
    batch_size: int  # rows of the unlabelled stream a step
    labelled_batch_size: int
    learning_rate: float  # the peak, where there is a warm-up and then a cosine to zero
    warm_up: float | None  # share of the steps; None: neither warm-up nor cosine
    clip_norm: float  # largest global norm of a gradient


class Rows(NamedTuple):
    """One stream of a stage; N may be 0."""

    x: Any  # nest of arrays [N, ...]
    y: np.ndarray  # [N] class index; not read on the unlabelled stream
    weight: np.ndarray  # [N], of mean 1
    peers: np.ndarray  # [N, k] the nearest rows of each row in this stream; k = 0 where nothing asks for them


class Program:
    """The compiled loop of one stage, on a twin of its model.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    used : tuple of bool
        Whether there are labelled and unlabelled rows.
    plan : Plan
    """

    def __init__(self, stage: Stage, objective: Objective, used: tuple[bool, bool], plan: Plan) -> None:
        self.model, self.source, self.objective, self.used = twin(stage.model), stage.source, objective, used
        self.variables = self.model.trainable_variables
        self.optimizer = keras.optimizers.Adam(global_clipnorm=plan.clip_norm)
        self.optimizer.build(self.variables)
        rows = Rows(
            tf.nest.map_structure(_any_length, stage.rows),
            tf.TensorSpec([None], tf.int32),
            _floats(None),
            tf.TensorSpec([None, None], tf.int32),
        )
        orders = (tf.TensorSpec([None, None], tf.int32),) * 2
        scalars = (tf.TensorSpec([], tf.int64), _floats(), _floats(), tf.TensorSpec([2], tf.int32), _floats())
        signature = (rows, rows, orders, _floats(None), *scalars)
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

    def _run(self, labelled, unlabelled, orders, rates, first, share, rows, seed, total):  # type: ignore[no-untyped-def]
        """Take len(rates) steps and return their losses, [steps, 5]."""
        count = tf.shape(rates)[0]

        def body(step: tf.Tensor, record: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            losses = self._step(labelled, unlabelled, orders, step, rates[step], share, rows, seed, first, total)
            return step + 1, record.write(step, tf.stack(losses))

        record = tf.TensorArray(tf.float32, count, element_shape=[len(Losses._fields)])
        loop = tf.while_loop(lambda step, _: step < count, body, (0, record), parallel_iterations=1)
        return loop[1].stack()

    def _step(self, labelled, unlabelled, orders, step, rate, share, rows, seed, first, total):  # type: ignore[no-untyped-def]
        position = first + tf.cast(step, tf.int64)
        key, stream = noise.fold(seed, position), unlabelled
        training = tf.cast(position, tf.float32) / total
        labelled = self._batch(labelled, orders[0][step], noise.fold(key, 0)) if self.used[0] else None
        unlabelled = self._batch(unlabelled, orders[1][step], noise.fold(key, 1)) if self.used[1] else None
        if unlabelled is not None and any(regularizer.peers for regularizer in self.objective.regularizers):
            unlabelled = unlabelled._replace(peer=self._peer(stream, orders[1][step], noise.fold(key, 3)))
        with tf.GradientTape() as tape:
            losses = self.objective(self.model, labelled, unlabelled, share, rows, noise.fold(key, 2), training)
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply(tape.gradient(losses.loss, [v.value for v in self.variables]), self.variables)
        return losses

    def _batch(self, stream: Rows, index: tf.Tensor, key: tf.Tensor) -> Batch:
        y = tf.one_hot(tf.gather(stream.y, index), getattr(self.model, "classes", 1))
        return Batch(self._observed(stream, index, key), y, tf.gather(stream.weight, index), index)

    def _peer(self, stream: Rows, index: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        """Return one of the nearest rows of each row."""
        every = tf.gather(stream.peers, index)
        count = tf.cast(tf.shape(every)[1], tf.float32)
        pick = tf.cast(noise.uniform(tf.shape(index), noise.fold(key, 0)) * count, tf.int32)
        return self._observed(stream, tf.gather(every, pick, batch_dims=1), noise.fold(key, 1))

    def _observed(self, stream: Rows, index: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        return self.source.observe(tf.nest.map_structure(lambda array: tf.gather(array, index), stream.x), key)


def train(
    stage: Stage,
    objective: Objective,
    labelled: Rows,
    unlabelled: Rows,
    plan: Plan,
    seed: int,
    hooks: Hooks,
) -> None:
    """Train one stage; its model has the new weights afterwards.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    labelled, unlabelled : Rows
        The two streams, not both empty.
    plan : Plan
    seed : int
        Decides order and noise.
    hooks : Hooks
        Told of every epoch; knows where an interrupted run of the same settings stood.

    Raises
    ------
    FloatingPointError
        If the loss is not finite even at 1/32 of the learning rate.
    Interrupted
        On Ctrl-C, after the last good state has been kept.
    """
    used = (len(labelled.weight) > 0, len(unlabelled.weight) > 0)
    shape = model_key(stage.model)
    key = None if shape is None else (shape, stage.source, objective, used, plan.clip_norm)
    with POOL.lend(key, lambda: Program(stage, objective, used, plan)) as program:
        program.start(stage.model.get_weights())
        begin = 0
        if hooks.state is not None and hooks.state.stage == stage.name:
            program.restore(hooks.state.arrays)
            begin = hooks.state.epoch
        _Run(program, stage, labelled, unlabelled, plan, seed, hooks).go(begin)
        stage.model.set_weights(program.model.get_weights())
    hooks.end()


class _Run:
    """One walk through a plan's epochs."""

    def __init__(
        self,
        program: Program,
        stage: Stage,
        labelled: Rows,
        unlabelled: Rows,
        plan: Plan,
        seed: int,
        hooks: Hooks,
    ) -> None:
        self.program, self.stage, self.plan, self.seed, self.hooks = program, stage, plan, seed, hooks
        counts = self.counts = [len(labelled.weight), len(unlabelled.weight)]
        self.sizes = [min(plan.labelled_batch_size, counts[0]), min(plan.batch_size, counts[1])]
        leading = 1 if counts[1] else 0
        self.steps = -(-counts[leading] // self.sizes[leading])
        self.share, self.rows = tf.constant(counts[0] / sum(counts), tf.float32), tf.constant(sum(counts), tf.float32)
        self.data = [_tensors(rows) for rows in (labelled, unlabelled)]
        self.key = noise.seed_tensor(seed)
        self.total = tf.constant(plan.epochs * self.steps, tf.float32)
        self.factor = 1.0

    def go(self, begin: int) -> None:
        """Run the epochs from `begin` on, and keep the last good state when interrupted."""
        self.epoch, self.good = begin, self.program.arrays()
        if begin:
            self.factor = self.hooks.history["learning_rate_factor"][-1]
        self.hooks.begin(self.stage, self.plan.epochs, begin)
        try:
            while self.epoch < self.plan.epochs and not self.hooks.stop:
                self._epochs()
        except KeyboardInterrupt as error:
            self.hooks.interrupted(State(self.stage.name, self.epoch, self.good))
            raise Interrupted(f"interrupted in epoch {self.epoch + 1} of stage {self.stage.name!r}") from error

    def _epochs(self) -> None:
        """Run some epochs: several a call where they are short and nobody watches each."""
        together = 1 if self.hooks.watch_weights else max(1, STEPS_PER_CALL // self.steps)
        last = min(self.epoch + together, self.plan.epochs)
        started = time.perf_counter()
        losses = self._steps(self.epoch * self.steps, last * self.steps)
        if not self._finite(losses):
            self._back(self.good, self.epoch)
            return
        seconds, good = (time.perf_counter() - started) / (last - self.epoch), self.program.arrays()
        for passed in range(last - self.epoch):
            mean = losses[passed * self.steps : (passed + 1) * self.steps].mean(axis=0)
            self.hooks.epoch(self.epoch + passed, self._log(mean, seconds))
        self.epoch, self.good = last, good
        self.hooks.keep(State(self.stage.name, last, good), self.program.model)

    def _steps(self, first: int, last: int) -> np.ndarray:
        """Take the steps [first, last) and return their losses."""
        parts = []
        for start in range(first, last, STEPS_PER_CALL):
            count = min(STEPS_PER_CALL, last - start)
            orders = tuple(self._order(stream, start, count) for stream in (batches.LABELLED, batches.UNLABELLED))
            rates = self._rates(np.arange(start, start + count))
            first_step = tf.constant(start, tf.int64)
            arguments = (*self.data, orders, rates, first_step, self.share, self.rows, self.key, self.total)
            parts.append(np.array(self.program.run(*arguments)))
            self.hooks.progress((start + count) / self.steps)
        return np.concatenate(parts)

    def _order(self, stream: int, start: int, count: int) -> tf.Tensor:
        if not self.counts[stream]:
            return tf.zeros([count, 0], tf.int32)
        rows, size = self.counts[stream], self.sizes[stream]
        return tf.constant(batches.window(rows, size, start, count, self.seed, stream))

    def _rates(self, steps: np.ndarray) -> tf.Tensor:
        """Return the learning rate of each step: linear warm-up, then half a cosine to zero."""
        if self.plan.warm_up is None:
            return tf.fill([len(steps)], tf.constant(self.factor * self.plan.learning_rate, tf.float32))
        total = self.plan.epochs * self.steps
        warm = max(1.0, self.plan.warm_up * total)
        cosine = 0.5 * (1.0 + np.cos(np.pi * steps / total))
        rates = self.factor * self.plan.learning_rate * np.minimum((steps + 1) / warm, 1.0) * cosine
        return tf.constant(rates, tf.float32)

    def _finite(self, losses: np.ndarray) -> bool:
        weights = self.program.model.get_weights()
        return bool(np.isfinite(losses).all()) and all(np.isfinite(weight).all() for weight in weights)

    def _back(self, good: list[np.ndarray], epoch: int) -> None:
        """Return to the last finite state with half the learning rate."""
        self.program.restore(good)
        self.factor /= 2.0
        if self.factor < 2.0**-RETRIES:
            raise FloatingPointError(
                f"the loss of stage {self.stage.name!r} is not finite in epoch {epoch + 1}, even at 1/{2**RETRIES} of "
                f"learning_rate={self.plan.learning_rate}: look for extreme values in X, or set a lower learning_rate"
            )

    def _log(self, mean: np.ndarray, seconds: float) -> dict[str, float]:
        logs = dict(zip(Losses._fields, (float(value) for value in mean), strict=True))
        return {**logs, "learning_rate_factor": self.factor, "seconds": seconds}


def _tensors(rows: Rows) -> Rows:
    """Put a stream where the steps run, once."""
    x = tf.nest.map_structure(lambda array: tf.constant(array, tf.float32), rows.x)
    peers = tf.constant(rows.peers, tf.int32)
    return Rows(x, tf.constant(rows.y, tf.int32), tf.constant(rows.weight, tf.float32), peers)


def _floats(*shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32)


def _any_length(array: np.ndarray) -> tf.TensorSpec:
    return _floats(None, *array.shape[1:])
