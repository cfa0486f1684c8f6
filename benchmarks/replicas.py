"""Training steps of replicas, and sums over them: the worker of `devices.py`, a process that TF_CONFIG may name.

The compiled loop of a model is kept for its next batch size: graph mode traces it once for all sizes.
"""

from __future__ import annotations

from typing import Any

import click
import interleave
import numpy as np
import tensorflow as tf
from ours import Steps

from ssvae.distributed.strategy import ReplicaLayout, layout_of


def sums(where: ReplicaLayout, floats: int) -> interleave.Run:
    """Return a function that adds up a vector over all replicas, a number of times."""
    vector = tf.ones([floats]) / floats

    def add(number: int) -> tf.Tensor:
        return tf.reduce_sum(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, vector))

    @tf.function(autograph=False)
    def loop(count: tf.Tensor) -> tf.Tensor:
        start = (0, 0.0)
        return tf.while_loop(lambda n, _: n < count, lambda n, _: (n + 1, where.run(add)), start, parallel_iterations=1)

    def run(count: int) -> None:
        found = float(loop(tf.constant(count))[1])
        if not np.isclose(found, where.count, rtol=1e-3):
            raise ArithmeticError(f"vectors of {where.count} replicas that add up to 1 each add up to {found}")

    return run


@click.command()
@click.option("--strategy", default="one", help="one, mirrored (two logical CPU devices) or multiworker.")
def main(strategy: str) -> None:
    if strategy == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    where, kept = layout_of(strategy), {}

    def prepare(cell: dict[str, Any]) -> interleave.Run:
        if "floats" in cell:
            return sums(where, cell["floats"])
        name = cell["model"]
        if name not in kept:
            kept.clear()
            kept[name] = Steps(cell, engine="graph", where=where)
        steps = kept[name]
        steps.batches_of(cell["batch"])

        def run(count: int) -> None:
            steps(count)

        return run

    interleave.serve(prepare)


if __name__ == "__main__":
    main()
