"""Parts of a training step in alternative forms, by turns: random numbers, softplus, sums of squares, products.

Each runs alone as a compiled function, by XLA and in graph mode; operations that are fused with others in a step are
cheaper there.

    python benchmarks/parts.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import tensorflow as tf
from machine import describe, lines

from ssvae.backend import random
from ssvae.backend.adam import squares
from ssvae.backend.engine import Engine, using
from ssvae.backend.softplus import softplus
from ssvae.networks.affine import product

PIXELS, LATENTS, LOGITS, WEIGHTS, INPUTS = (500, 784), (10, 500, 50), (10, 500, 784), (1400, 1200), (5000, 500)
SEED = random.seed_tensor(0)


def made(shape: tuple[int, ...]) -> tf.Tensor:
    """Return normal numbers."""
    return tf.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def parts() -> dict[str, tuple[Callable[..., tf.Tensor], list[tf.Tensor], bool]]:
    """Return function, arguments and whether its products are in bfloat16, by name; alternatives share a prefix."""
    grey, x, kernel = tf.sigmoid(made(PIXELS)), made(INPUTS), made((INPUTS[1], 784))
    draw, philox = tf.random.stateless_uniform, {"alg": "philox"}
    return {
        "pixels: hash": (lambda g, s: tf.cast(random.uniform(PIXELS, s) < g, tf.float32), [grey, SEED], False),
        "pixels: Philox": (lambda g, s: tf.cast(draw(PIXELS, s, **philox) < g, tf.float32), [grey, SEED], False),
        "normals: hash": (lambda s: random.normal(LATENTS, s), [SEED], False),
        "normals: Philox": (lambda s: tf.random.stateless_normal(LATENTS, s, **philox), [SEED], False),
        "softplus: ours": (softplus, [made(LOGITS)], False),
        "softplus: TensorFlow": (tf.nn.softplus, [made(LOGITS)], False),
        "squares: product": (squares, [made(WEIGHTS)], False),
        "squares: sum": (lambda w: tf.reduce_sum(tf.square(w)), [made(WEIGHTS)], False),
        "product: float32": (product, [x, kernel], False),
        "product: bfloat16": (product, [x, kernel], True),
    }


def compiled(function: Callable[..., tf.Tensor], engine: Engine) -> Callable[..., Any]:
    """Return the function compiled for an engine."""

    def traced(*arguments: tf.Tensor) -> tf.Tensor:
        with using(engine):
            return function(*arguments)

    return tf.function(traced, autograph=False, jit_compile=engine.xla)


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=40)
def main(rounds: int) -> None:
    print(lines(describe("tensorflow", "numpy")))
    runs = {}
    for name, (function, arguments, low) in parts().items():
        for engine in (Engine(True, low), Engine(False, low)):
            call = compiled(function, engine)
            runs[name, "XLA" if engine.xla else "graph"] = lambda call=call, arguments=arguments: call(*arguments)
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for turn in range(rounds + 3):
        for key, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[key] += [time.perf_counter() - began] if turn >= 3 else []
    print(f"{'milliseconds, median':<24}{'XLA':>8}{'graph':>8}")
    for name in parts():
        xla, graph = (1e3 * float(np.median(seconds[name, engine])) for engine in ("XLA", "graph"))
        print(f"{name:<24}{xla:>8.2f}{graph:>8.2f}")


if __name__ == "__main__":
    main()
