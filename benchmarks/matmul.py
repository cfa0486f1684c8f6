"""Matrix products alone, one after another: the worker of `gemm.py` that gives the bound.

Every product runs in a compiled loop that feeds one element of its result back, so that no compiler moves it out of
the loop; by XLA or in graph mode, whichever is quicker for the shape.

    python benchmarks/gemm.py
"""

from __future__ import annotations

import time
from typing import Any

import interleave
import tensorflow as tf
from products import Product


class Loop:
    """One product, many times over.

    Parameters
    ----------
    product : Product
    xla : bool
    """

    def __init__(self, product: Product, xla: bool) -> None:
        m, k, n, turned, other = product
        self.a = tf.random.stateless_normal((k, m) if turned else (m, k), (0, 0))
        self.b = tf.random.stateless_normal((n, k) if other else (k, n), (0, 1))
        self.zeros = tf.zeros((m, n))

        def run(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
            small = 0 if m * k < k * n else 1  # the factor that is changed, in case that copies it

            def body(step: tf.Tensor, factors: list[tf.Tensor], c: tf.Tensor) -> tuple[Any, ...]:
                factors = list(factors)
                factors[small] = tf.tensor_scatter_nd_update(factors[small], [[0, 0]], [1e-9 * c[0, 0]])
                return step + 1, factors, tf.matmul(*factors, transpose_a=turned, transpose_b=other)

            return tf.while_loop(lambda step, *_: step < count, body, (0, [a, b], c), parallel_iterations=1)[2]

        self.run = tf.function(run, autograph=False, jit_compile=xla)

    def __call__(self, count: int) -> float:
        """Return the seconds of `count` products."""
        began = time.perf_counter()
        self.run(self.a, self.b, self.zeros, tf.constant(count))[0, 0].numpy()
        return time.perf_counter() - began


def quicker(product: Product, seconds: float = 0.03) -> Loop:
    """Return the quicker of the two loops."""
    loops = []
    for loop in (Loop(product, xla) for xla in (True, False)):
        loop(1)
        count = max(3, int(seconds / max(loop(3) / 3, 1e-6)))
        loops.append((min(loop(count) for _ in range(3)), loop))
    return min(loops, key=lambda pair: pair[0])[1]


def prepare(cell: dict[str, Any]) -> interleave.Run:
    """Return a function that runs all products of the cell; "parts" are the seconds of each."""
    tasks = [(quicker(Product(*shape)), times) for shape, times in cell["products"]]

    def run(count: int) -> dict[str, Any]:
        return {"parts": [loop(count * times) for loop, times in tasks]}

    return run


if __name__ == "__main__":
    interleave.serve(prepare)
