"""A run through the epochs of a stage: compiled steps, finite losses or a lower learning rate, and interruptions."""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.signals import held
from ssvae.models.base import Stage
from ssvae.models.capabilities import HasClasses, HasDensity
from ssvae.objective import Losses
from ssvae.training.callback_list import CallbackList
from ssvae.training.callbacks import Arrays, Interrupted, State
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.prefetch import feed
from ssvae.training.program import Orders, Program
from ssvae.training.schedule import Schedule
from ssvae.training.step import RunConstants
from ssvae.training.streams import Streams, steps_per_call

RETRIES = 5  # halvings of the learning rate before a diverging fit gives up


def _never() -> None:
    """Do nothing: no Ctrl-C is pending while signals are not held back."""


class StageRun:
    """The epochs of one phase of a stage.

    Parameters
    ----------
    program : Program
    stage : Stage
    rows : TrainingArrays
    streams : Streams
    plan : Schedule
    seed : int
        Decides order and noise.
    callbacks : CallbackList
    """

    def __init__(
        self,
        program: Program,
        stage: Stage,
        rows: TrainingArrays,
        streams: Streams,
        plan: Schedule,
        seed: int,
        callbacks: CallbackList,
    ) -> None:
        self.program, self.stage, self.plan, self.seed, self.callbacks = program, stage, plan, seed, callbacks
        self.streams, self.sizes = streams, streams.sizes(plan.labelled_batch_size, plan.batch_size)
        self.steps = streams.steps(self.sizes)
        self.together = steps_per_call(rows.x, self.sizes)
        if not program.by_xla:  # which compiles for one length, that of all fits
            self.together = min(self.together, plan.epochs * self.steps)
        self.feed = feed(program, rows, streams, self.sizes, self.together, seed)
        labelled, every = len(streams.labelled), len(streams.labelled) + len(streams.unlabelled)
        numbers = labelled / every, every, plan.epochs * self.steps, plan.strength
        self.constants = RunConstants(random.seed_tensor(seed), *(tf.constant(n, tf.float32) for n in numbers))
        self.factor, self.raise_if_asked = 1.0, _never
        self.compiling = 0.0  # seconds of all compilations so far

    def go(self, begin: int, last: int) -> None:
        """Run the epochs [begin, last), and keep the last good state when interrupted."""
        self.epoch, self.last, self.good = begin, last, self.program.arrays()
        if begin:
            self.factor = self.callbacks.history["learning_rate_factor"][-1]
        try:
            with held() as self.raise_if_asked:
                while self.epoch < last and not self.program.layout.any(self.callbacks.stop):
                    self._epochs()
                    self._answer()
        except (KeyboardInterrupt, ConnectionError) as error:
            self.callbacks.interrupted(State(self.stage.name, self.epoch, self.good))
            if isinstance(error, ConnectionError):
                raise
            raise Interrupted(f"interrupted in epoch {self.epoch + 1} of stage {self.stage.name!r}") from error

    def _epochs(self) -> None:
        """Run some epochs: several a call where they are short and no callback needs the weights after each."""
        together = 1 if self.callbacks.watch_weights else max(1, self.together // self.steps)
        last = min(self.epoch + together, self.last)
        started = time.perf_counter() - self.compiling
        losses = self._steps(self.epoch * self.steps, last * self.steps)
        if not self._finite(losses):
            self._back(self.good, self.epoch)
            return
        seconds = (time.perf_counter() - started - self.compiling) / (last - self.epoch)
        good = self.program.arrays()
        for passed in range(last - self.epoch):
            mean = losses[passed * self.steps : (passed + 1) * self.steps].mean(axis=0)
            self.callbacks.epoch_end(self.epoch + passed, self._log(mean, seconds))
        self.epoch, self.good = last, good
        self.callbacks.keep(State(self.stage.name, last, good), self.program.model)

    def _steps(self, first: int, last: int) -> np.ndarray:
        """Take the steps [first, last) and return their losses."""
        parts = []
        windows = [(start, min(self.together, last - start)) for start in range(first, last, self.together)]
        for (start, count), (data, orders) in zip(windows, self.feed(windows), strict=True):
            rates = self.plan.rates(np.arange(start, start + self.together), self.plan.epochs * self.steps)
            rates = tf.constant(self.factor * rates, tf.float32)
            position = tf.constant(start, tf.int64), tf.constant(count, tf.int32)
            with self.program.layout.reached():
                self._compile(data, orders, rates, position[0])
                parts.append(np.array(self.program.run(data, orders, rates, *position, self.constants))[:count])
            self.callbacks.advance((start + count) / self.steps)
            self._answer()
        return np.concatenate(parts)

    def _compile(self, data: tuple[TrainingArrays, ...], orders: Orders, rates: tf.Tensor, first: tf.Tensor) -> None:
        """Call the program for no steps where its first call would compile, so that compilation is not epoch time."""
        if self.together in self.program.compiled:
            return
        started = time.perf_counter()
        self.callbacks.working("compiling")
        np.array(self.program.run(data, orders, rates, first, tf.constant(0), self.constants))
        self.compiling += time.perf_counter() - started
        self.program.compiled.add(self.together)
        self.callbacks.working("")

    def _answer(self) -> None:
        """Answer Ctrl-C, on every worker after the same step: one that went on alone would wait for the others."""
        asked: KeyboardInterrupt | None = None
        try:
            self.raise_if_asked()
        except KeyboardInterrupt as error:
            asked = error
        if self.program.layout.any(asked is not None):
            raise asked or KeyboardInterrupt

    def _finite(self, losses: np.ndarray) -> bool:
        weights = self.program.model.get_weights()
        finite = bool(np.isfinite(losses).all()) and all(np.isfinite(weight).all() for weight in weights)
        return not self.program.layout.any(not finite)

    def _back(self, good: Arrays, epoch: int) -> None:
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
