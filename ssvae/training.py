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
    """The rows of a stage, with all that is known of each; k and K are 0 where no regularizer asks for them."""

    x: Any  # nest of arrays [N, ...]
    y: np.ndarray  # [N] class index, -1 where there is no label
    weight: np.ndarray  # [N], of mean 1 over each stream
    peers: np.ndarray  # [N, k] the nearest rows of each row
    hints: np.ndarray  # [N, K] propagated labels


class Streams(NamedTuple):
    """Which rows each of the two endless streams is made of; one of them may be empty."""

    labelled: np.ndarray  # [N_l] row numbers
    unlabelled: np.ndarray  # [N_u]


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


def train(
    stage: Stage,
    objective: Objective,
    rows: Rows,
    streams: Streams,
    plan: Plan,
    seed: int,
    hooks: Hooks,
) -> None:
    """Train one stage; its model has the new weights afterwards.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    rows : Rows
    streams : Streams
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
    used = (len(streams.labelled) > 0, len(streams.unlabelled) > 0)
    shape = model_key(stage.model)
    key = None if shape is None else (shape, stage.source, objective, used, plan.clip_norm)
    with POOL.lend(key, lambda: Program(stage, objective, used, plan)) as program:
        program.start(stage.model.get_weights())
        begin = 0
        if hooks.state is not None and hooks.state.stage == stage.name:
            program.restore(hooks.state.arrays)
            begin = hooks.state.epoch
        _Run(program, stage, rows, streams, plan, seed, hooks).go(begin)
        stage.model.set_weights(program.model.get_weights())
    hooks.end()


class _Run:
    """One walk through a plan's epochs."""

    def __init__(
        self,
        program: Program,
        stage: Stage,
        rows: Rows,
        streams: Streams,
        plan: Plan,
        seed: int,
        hooks: Hooks,
    ) -> None:
        self.program, self.stage, self.plan, self.seed, self.hooks = program, stage, plan, seed, hooks
        self.streams, counts = streams, [len(stream) for stream in streams]
        self.sizes = [min(plan.labelled_batch_size, counts[0]), min(plan.batch_size, counts[1])]
        leading = 1 if counts[1] else 0
        self.steps = -(-counts[leading] // self.sizes[leading])
        self.share, self.rows = tf.constant(counts[0] / sum(counts), tf.float32), tf.constant(sum(counts), tf.float32)
        self.data = _tensors(rows)
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
            arguments = (self.data, orders, rates, first_step, self.share, self.rows, self.key, self.total)
            parts.append(np.array(self.program.run(*arguments)))
            self.hooks.progress((start + count) / self.steps)
        return np.concatenate(parts)

    def _order(self, stream: int, start: int, count: int) -> tf.Tensor:
        rows, size = self.streams[stream], self.sizes[stream]
        if not len(rows):
            return tf.zeros([count, 0], tf.int32)
        return tf.constant(rows[batches.window(len(rows), size, start, count, self.seed, stream)], tf.int32)

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
