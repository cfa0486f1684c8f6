"""How a stage is trained: epochs of compiled steps, a learning rate, and a way back from what is not finite."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.compile_cache import POOL, model_key
from ssvae.backend.engine import Engine, choose
from ssvae.backend.signals import held
from ssvae.distributed.strategy import ONE, Places
from ssvae.models.base import Stage
from ssvae.models.capabilities import HasClasses, HasDensity, class_count
from ssvae.objective import Losses, Objective
from ssvae.readers.sparse_table import SparseTable
from ssvae.training.callback_list import CallbackList
from ssvae.training.callbacks import Interrupted, State
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.prefetch import feed
from ssvae.training.schedule import Schedule
from ssvae.training.step import Program, When
from ssvae.training.streams import Streams, steps_per_call

RETRIES = 5  # halvings of the learning rate before a diverging fit gives up


def train(
    stage: Stage,
    objective: Objective,
    rows: TrainingArrays,
    streams: Streams,
    plan: Schedule,
    seed: int,
    hooks: CallbackList,
    places: Places = ONE,
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
    hooks : CallbackList
        Told of every epoch; knows where an interrupted run of the same settings stood.
    places : Places
        Where the replicas live that share each batch.

    Raises
    ------
    FloatingPointError
        If the loss is not finite even at 1/32 of the learning rate.
    Interrupted
        On Ctrl-C, after the last good state has been kept.
    ConnectionError
        If another worker has gone, likewise.
    """
    engine = _engine(stage, plan, streams, streams.sizes(plan.labelled_batch_size, plan.batch_size), places)
    begin, arrays = 0, None
    if hooks.state is not None and hooks.state.stage == stage.name:
        begin, arrays = hooks.state.epoch, hooks.state.arrays
    hooks.begin(stage, objective, plan.epochs, begin)
    for last, method in _phases(objective, plan.epochs):
        if begin >= last or hooks.stop:
            continue
        with _lent(stage, method, streams, plan.clip_norm, engine, places) as program:
            program.start(stage.model.get_weights())
            if arrays is not None:
                program.restore(arrays)
            _Run(program, stage, rows, streams, plan, seed, hooks).go(begin, last)
            begin, arrays = last, program.arrays()
            stage.model.set_weights(program.model.get_weights())
    hooks.end()


def _phases(objective: Objective, epochs: int) -> list[tuple[int, Objective]]:
    """Return the objectives that are minimised one after another, each with the epoch that ends it."""
    share, method = objective.inference.warm_up()
    first = replace(objective, inference=method)
    return [(round(share * epochs), first), (epochs, objective)]


def _lent(
    stage: Stage, objective: Objective, streams: Streams, clip_norm: float, engine: Engine, places: Places
) -> Any:
    """Return a context that lends the compiled loop of a stage."""
    used, shape = (len(streams.labelled) > 0, len(streams.unlabelled) > 0), model_key(stage.model)
    kind = isinstance(stage.rows[:1], SparseTable)
    if shape is None and len(places.devices) > 1:
        raise ValueError(
            f"{type(stage.model).__name__} has no get_config to copy it to {places.devices}: strategy='one'"
        )
    key = None if shape is None else (shape, kind, stage.observation, objective, used, clip_norm, engine, places)
    return POOL.lend(key, lambda: Program(stage, objective, used, clip_norm, engine, places))


def _engine(stage: Stage, plan: Schedule, streams: Streams, sizes: tuple[int, int], places: Places) -> Engine:
    """Return what runs the stage, by the operations of a step: all classes counted for every unlabelled row."""
    rows = sizes[0] + sizes[1] * class_count(stage.model)
    steps = plan.epochs * streams.steps(sizes)
    # Sums over all replicas inside a step, which many settings need, are beyond XLA.
    engine = "graph" if places.count > 1 and plan.engine == "auto" else plan.engine
    return choose(engine, plan.precision, steps, 6.0 * rows * stage.model.count_params())


class _Run:
    """One walk through a plan's epochs."""

    def __init__(
        self,
        program: Program,
        stage: Stage,
        rows: TrainingArrays,
        streams: Streams,
        plan: Schedule,
        seed: int,
        hooks: CallbackList,
    ) -> None:
        self.program, self.stage, self.plan, self.seed, self.hooks = program, stage, plan, seed, hooks
        self.streams, self.sizes = streams, streams.sizes(plan.labelled_batch_size, plan.batch_size)
        self.steps = streams.steps(self.sizes)
        self.together = min(steps_per_call(rows.x, self.sizes), plan.epochs * self.steps)
        self.feed = feed(program, rows, streams, self.sizes, self.together, seed)
        counts = [len(stream) for stream in streams[:2]]
        numbers = (counts[0] / sum(counts), sum(counts), plan.epochs * self.steps)
        self.when = When(random.seed_tensor(seed), *(tf.constant(number, tf.float32) for number in numbers))
        self.factor, self.asked = 1.0, lambda: None  # nobody has asked for an end

    def go(self, begin: int, last: int) -> None:
        """Run the epochs [begin, last), and keep the last good state when interrupted."""
        self.epoch, self.last, self.good = begin, last, self.program.arrays()
        if begin:
            self.factor = self.hooks.history["learning_rate_factor"][-1]
        try:
            with held() as self.asked:
                while self.epoch < last and not self.program.places.any(self.hooks.stop):
                    self._epochs()
                    self._answer()
        except (KeyboardInterrupt, ConnectionError) as error:
            self.hooks.interrupted(State(self.stage.name, self.epoch, self.good))
            if isinstance(error, ConnectionError):
                raise
            raise Interrupted(f"interrupted in epoch {self.epoch + 1} of stage {self.stage.name!r}") from error

    def _epochs(self) -> None:
        """Run some epochs: several a call where they are short and nobody watches each."""
        together = 1 if self.hooks.watch_weights else max(1, self.together // self.steps)
        last = min(self.epoch + together, self.last)
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
        windows = [(start, min(self.together, last - start)) for start in range(first, last, self.together)]
        for (start, count), (data, orders) in zip(windows, self.feed(windows), strict=True):
            rates = self.plan.rates(np.arange(start, start + self.together), self.plan.epochs * self.steps)
            rates = tf.constant(self.factor * rates, tf.float32)
            position = tf.constant(start, tf.int64), tf.constant(count, tf.int32)
            with self.program.places.reached():
                parts.append(np.array(self.program.run(data, orders, rates, *position, self.when))[:count])
            self.hooks.progress((start + count) / self.steps)
            self._answer()
        return np.concatenate(parts)

    def _answer(self) -> None:
        """Answer Ctrl-C, on every worker after the same step: one that went on alone would wait for the others."""
        asked: KeyboardInterrupt | None = None
        try:
            self.asked()
        except KeyboardInterrupt as error:
            asked = error
        if self.program.places.any(asked is not None):
            raise asked or KeyboardInterrupt

    def _finite(self, losses: np.ndarray) -> bool:
        weights = self.program.model.get_weights()
        finite = bool(np.isfinite(losses).all()) and all(np.isfinite(weight).all() for weight in weights)
        return not self.program.places.any(not finite)

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
        classes, density = isinstance(self.stage.model, HasClasses), isinstance(self.stage.model, HasDensity)
        there = {
            "labelled_bound": self.program.used[0] and density,
            "unlabelled_bound": self.program.used[1] and density,
            "cross_entropy": self.program.used[0] and classes,
            "regularizer": classes,
        }
        logs |= {name: float("nan") for name, known in there.items() if not known}
        return {**logs, "learning_rate_factor": self.factor, "seconds": seconds}
