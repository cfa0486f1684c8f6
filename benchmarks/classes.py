"""M2's unlabelled step with the class summed out: broadcast over a class axis, tiled for every class, and by topm.

The first two sum the same terms; the tiled one repeats every row K times before the networks see it, as most public
code does, so that the encoder's product with x is computed K times. `topm` sums 8 classes and draws one of the others.

    python benchmarks/classes.py --batch 500 --classes 10
    python benchmarks/classes.py --contenders broadcast,topm --classes 10,32,64,1000 --engine graph
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
import interleave
import numpy as np
import tensorflow as tf
from cells import ALPHA, CLIP_NORM, LEARNING_RATE
from machine import describe, lines

from ssvae.backend import random
from ssvae.backend.engine import Engine
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.gradients.topm import TopM
from ssvae.inference.amortized import Amortized
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.base import Stage
from ssvae.models.m2 import M2
from ssvae.objective import Objective
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.program import Program
from ssvae.training.step import RunConstants

ROWS, FEATURES = 2_000, 784
TOGETHER = 16  # steps a call


@dataclass(frozen=True)
class Tiled(Objective):
    """The same U(x) from K copies of every row."""

    def unlabelled(self, model: Any, x: tf.Tensor, seed: tf.Tensor, training: Any, logits: tf.Tensor) -> tf.Tensor:
        """See `Objective.unlabelled`."""
        log_q = tf.nn.log_softmax(logits)
        rows, classes = tf.shape(x)[0], model.classes
        y = tf.repeat(tf.eye(classes), rows, axis=0)  # [K B, K], classes outside
        bounds = tf.reshape(self.labelled(model, tf.tile(x, [classes, 1]), y, seed, training), [classes, rows])
        return tf.reduce_sum(tf.exp(log_q) * (tf.transpose(bounds) - log_q), axis=1)


CONTENDERS: dict[str, tuple[type, Any]] = {
    "broadcast": (Objective, Enumeration()),
    "tiled": (Tiled, Enumeration()),
    "topm": (Objective, TopM()),
}


def program(kind: str, classes: int, batch: int, engine: str) -> interleave.Run:
    """Return a function that takes steps of one contender."""
    form, class_gradient = CONTENDERS[kind]
    objective = form(Amortized(kl_warm_up=0.0), Pathwise(), class_gradient, alpha=ALPHA)
    model = M2(FEATURES, classes, Bernoulli(), 50, (500,), "softplus", classifier_hidden=(500,))
    x = np.random.default_rng(0).random((ROWS, FEATURES), np.float32)
    stage = Stage("m2", model, x, Bernoulli(), labels=True)
    steps = Program(stage, objective, (False, True), CLIP_NORM, Engine(engine == "xla"))
    known = steps.tensors(TrainingArrays(x, -np.ones(ROWS), np.ones(ROWS), np.zeros((ROWS, 0)), np.zeros((ROWS, 0))))
    steps.start(model.get_weights())
    constants = RunConstants(
        random.seed_tensor(0), tf.constant(0.0), tf.constant(float(ROWS)), tf.constant(1e6), tf.constant(1.0)
    )

    def run(count: int) -> None:
        order = np.random.default_rng(count).integers(ROWS, size=(TOGETHER, batch))
        orders = tf.zeros([TOGETHER, 0], tf.int32), tf.constant(order, tf.int32)
        rates = tf.fill([TOGETHER], LEARNING_RATE)
        for first in range(0, count, TOGETHER):
            position = tf.constant(first, tf.int64), tf.constant(min(TOGETHER, count - first), tf.int32)
            steps.run(known, orders, rates, *position, constants).numpy()

    return run


@click.command(help=__doc__.split("\n")[0])
@click.option(
    "--contenders", default="broadcast,tiled", help=f"The first is compared with the others: {[*CONTENDERS]}."
)
@click.option("--classes", default="2,10,30", help="K, separated by commas.")
@click.option("--batch", default=100, help="Unlabelled rows a step.")
@click.option("--engine", default="xla", help="xla or graph.")
@click.option("--rounds", default=9)
@click.option("--worker", default=None, hidden=True)
def main(contenders: str, classes: str, batch: int, engine: str, rounds: int, worker: str | None) -> None:
    if worker:
        interleave.serve(lambda cell: program(worker, cell["classes"], cell["batch"], engine))
        return
    click.echo(lines(describe("tensorflow", "keras")))
    workers = [
        interleave.Worker(kind, __file__, "--worker", kind, "--engine", engine) for kind in contenders.split(",")
    ]
    cells = [{"classes": int(count), "batch": batch} for count in classes.split(",")]
    progress = interleave.Progress(len(cells))
    click.echo(f"{batch} rows, {engine}: milliseconds a step, and {workers[0].name}'s share of them (CPU)")
    for cell in cells:
        answers = interleave.compare(workers, cell, rounds, say=progress.of(cell))
        line = f"K = {cell['classes']:>4}"
        for kind, found in answers.items():
            wall, cpu = (interleave.ratios(answers[workers[0].name], found, key)[0] for key in ("wall", "cpu"))
            line += f"   {kind} {interleave.spread(found).median:.1f}: {wall:.2f} ({cpu:.2f})"
        click.echo(line)
    for process in workers:
        process.close()


if __name__ == "__main__":
    main()
