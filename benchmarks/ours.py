"""Training steps of this package: the worker of `steps.py` and `gemm.py`.

`Steps` runs them as `ssvae.training.loop` does, orders of rows and recorded losses included, and is the only thing in
this folder that knows `Program` and `StageRun`.

    python benchmarks/steps.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
import interleave
import numpy as np
import tensorflow as tf
from cells import ALPHA, CLIP_NORM, LABELLED, LEARNING_RATE, ROWS, SIZES, rows

from ssvae.backend.engine import Engine
from ssvae.distributed.strategy import ONE, ReplicaLayout
from ssvae.distributions import given
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.base import Stage
from ssvae.models.m1 import M1
from ssvae.models.m1_m2 import FreshSamples
from ssvae.models.m2 import M2
from ssvae.objective import Objective
from ssvae.training.callback_list import CallbackList
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.program import Program
from ssvae.training.schedule import Schedule
from ssvae.training.stage_run import StageRun
from ssvae.training.streams import Streams

AMORTIZED = Amortized(kl_warm_up=0.0)


@dataclass(frozen=True)
class AtMean(Pathwise):
    """The integrand at the mean of q: a step without noise, for `steps.py --check`."""

    def expectation(self, f: Any, q: Any, seed: tf.Tensor, training: bool | tf.Tensor = False) -> tf.Tensor:
        """See `Gradient.expectation`."""
        values: dict[str, tf.Tensor] = {}
        for name, conditional in q.items():
            values[name] = given(conditional, values).mean()
        return f.closed_form(values).total()


@dataclass(frozen=True)
class Means(FreshSamples):
    """Observation of rows (mean, log-variance) by their mean."""

    def observe(self, rows: tuple[tf.Tensor, tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        """Return the mean [B, Z]."""
        return rows[0]


def stage(model: str, noise: bool = True, update: Any = None) -> Stage:
    """Return the stage that trains one of the models on synthetic rows."""
    sizes, x = SIZES[model], rows(model)[0]
    widths: dict[str, Any] = {
        "latent": sizes.latent,
        "hidden": sizes.hidden,
        "activation": "softplus",
        "update": update,
    }
    if model == "m1":
        return Stage(model, M1(sizes.features, Bernoulli(noise), **widths), x, Bernoulli(noise), False)
    pixels = model == "m2"
    likelihood = Bernoulli(noise) if pixels else Gaussian()
    own = M2(sizes.features, sizes.classes, likelihood, classifier_hidden=sizes.hidden, **widths)
    return Stage(model, own, x, likelihood if pixels else (FreshSamples() if noise else Means()), True)


class Steps:
    """Steps of one cell.

    Parameters
    ----------
    cell : dict
    precision : "float32" or "bfloat16"
    engine : "graph" or "xla"
    noise : bool
        Whether pixels and latents are drawn; without, their means are taken.
    inference : Inference
    samples : int
        Draws of z a row.
    where : ReplicaLayout
        Of the replicas.
    """

    def __init__(
        self,
        cell: dict[str, Any],
        precision: str = "float32",
        engine: str = "xla",
        noise: bool = True,
        inference: Any = AMORTIZED,
        samples: int = 1,
        where: ReplicaLayout = ONE,
    ) -> None:
        part = stage(cell["model"], noise, inference.update)
        gradient = Pathwise(samples) if noise else AtMean()
        objective = Objective(inference, gradient, Enumeration(), alpha=ALPHA)
        every = np.arange(ROWS)
        self.streams = Streams(every[:LABELLED], every[LABELLED:]) if part.labels else Streams(every[:0], every)
        y = np.where(every < LABELLED, rows(cell["model"])[1], -1)
        known = TrainingArrays(part.rows, y, np.ones(ROWS), np.zeros((ROWS, 0)), np.zeros((ROWS, 0)))
        how = Engine(engine == "xla", precision == "bfloat16")
        self.program = Program(part, objective, (part.labels, True), CLIP_NORM, how, where)
        self.program.start(part.model.get_weights())
        self._stage, self._rows = part, known
        self.batches_of(cell["batch"])

    def batches_of(self, batch: int) -> None:
        """Restart with another number of rows of each stream a step; the weights stay."""
        plan = Schedule(1_000_000, batch, batch, LEARNING_RATE, None, CLIP_NORM)
        self._run = StageRun(self.program, self._stage, self._rows, self.streams, plan, 0, CallbackList(()))
        self.done = 0

    def orders(self, count: int) -> list[np.ndarray]:
        """Return the rows of the first `count` steps of each stream, [count, B or 0]."""
        return [np.array(order) for order in self.streams.orders(self._run.sizes, 0, count, count, 0)]

    def __call__(self, count: int) -> np.ndarray:
        """Take `count` steps and return the loss of each."""
        losses = self._run._steps(self.done, self.done + count)[:, 0]
        self.done += count
        if not np.isfinite(losses).all():
            raise FloatingPointError("the loss is not finite")
        return losses


@click.command()
@click.option("--precision", default="float32")
@click.option("--engine", default="xla")
def main(precision: str, engine: str) -> None:
    def prepare(cell: dict[str, Any]) -> interleave.Run:
        tf.keras.backend.clear_session()
        steps = Steps(cell, precision, engine)
        steps(1)

        def run(count: int) -> None:
            steps(count)

        return run

    interleave.serve(prepare)


if __name__ == "__main__":
    main()
