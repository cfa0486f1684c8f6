"""The matrix products that a training step needs, computed from the widths of the networks."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from cells import SIZES


class Product(NamedTuple):
    """[m, k] times [k, n]; a factor marked as transposed is stored transposed."""

    m: int
    k: int
    n: int
    transpose_a: bool
    transpose_b: bool


def products(model: str, batch: int) -> Counter[Product]:
    """Return how often a step needs each product.

    Classes that are only looked up (the one-hot part of a first layer) are not counted, and rows of x go through the
    encoder's first layer once, not once a class. Labelled and unlabelled rows are separate except in the classifier.
    """
    sizes = SIZES[model]
    encoder = (sizes.features, *sizes.hidden, 2 * sizes.latent)
    decoder = (sizes.latent, *sizes.hidden[::-1], sizes.outputs)
    found: Counter[Product] = Counter()
    for classes in (1, sizes.classes) if sizes.classes else (1,):
        found += _network(encoder, batch, batch * classes, data=True)
        found += _network(decoder, batch * classes, batch * classes, data=False)
    if sizes.classes:
        found += _network((sizes.features, *sizes.hidden, sizes.classes), 2 * batch, 2 * batch, data=True)
    return found


def multiply_adds(counted: Counter[Product]) -> int:
    """Return the multiply-adds of all products; each is two floating-point operations."""
    return sum(times * product.m * product.k * product.n for product, times in counted.items())


def _network(widths: Sequence[int], first_rows: int, rows: int, data: bool) -> Counter[Product]:
    """Return the products of a network, forward and backward; the gradient by the data is not needed."""
    found: Counter[Product] = Counter()
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        count = first_rows if layer == 0 else rows
        found[Product(count, inputs, outputs, False, False)] += 1
        found[Product(inputs, count, outputs, True, False)] += 1  # gradient by the weights
        if layer or not data:
            found[Product(count, outputs, inputs, False, True)] += 1  # gradient by the inputs
    return found
