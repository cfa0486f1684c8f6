"""Random numbers as pure functions of a seed: no state, the same in every process and with every engine.

A counter is hashed together with the two words of the seed. Integer hashes vectorise and fuse with what uses them, so
that under XLA a number costs a tenth of a Philox draw, and graph mode and XLA see the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import tensorflow as tf

_PAIRED = ContextVar("paired", default=(False, False))
_ROWS: ContextVar[tuple[tf.Tensor, tf.Tensor] | None] = ContextVar("rows", default=None)
RESOLUTION = 2.0**-23  # of a uniform number: the bits of a float32's mantissa


def seed_tensor(seed: int) -> tf.Tensor:
    """Turn an integer into the [2] int32 seed that the other functions take."""
    return tf.constant(np.random.SeedSequence(seed).generate_state(2).astype(np.int32))


def fold(seed: tf.Tensor, value: int | tf.Tensor) -> tf.Tensor:
    """Return a new seed [2] that depends on `seed` and on `value` (a step, a use)."""
    word = tf.constant(value % 2**32, tf.uint32) if isinstance(value, int) else tf.cast(value, tf.uint32)
    return _folded(tf.convert_to_tensor(seed, tf.int32), word)


# Its 50 operations are traced once a process, not at every use: they were a fifth of what a training step consists of.
@tf.function(autograph=False, input_signature=[tf.TensorSpec([2], tf.int32), tf.TensorSpec([], tf.uint32)])
def _folded(seed: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
    first, second = tf.unstack(tf.bitcast(seed, tf.uint32))
    first = _hash(_hash(first + word) ^ second)
    return tf.bitcast(tf.stack([first, _hash(first ^ _hash(second))]), tf.int32)


def bits(shape: tf.Tensor | tuple[int, ...], seed: tf.Tensor, start: int | tf.Tensor = 0) -> tf.Tensor:
    """Return uniform 32-bit words, uint32.

    Parameters
    ----------
    shape : int32 Tensor or tuple
    seed : Tensor [2] int32
    start : int or Tensor []
        Position of the first word in the seed's sequence of 2³² words, so that a long sequence can be had in parts.
    """
    return _words(_positions(shape), seed, start)


def uniform(shape: tf.Tensor | tuple[int, ...], seed: tf.Tensor, start: int | tf.Tensor = 0) -> tf.Tensor:
    """Draw from U(0, 1): the middles of 2²³ equal cells, never 0 or 1."""
    return _middles(bits(shape, seed, start))


@contextmanager
def rows_at(position: tf.Tensor | None, total_rows: tf.Tensor | None) -> Iterator[None]:
    """Draw for some rows of a batch what all of them would get together; read while a function is traced.

    Parameters
    ----------
    position : Tensor [B] int32 or None
        Of the rows in the whole batch. What is drawn inside has a row of numbers for each, [..., B, width].
    total_rows : Tensor [] int32 or None
        How many rows the whole batch has; None: no rows are elsewhere.
    """
    token = _ROWS.set(None if position is None else (position, total_rows))
    try:
        yield
    finally:
        _ROWS.reset(token)


@contextmanager
def paired(antithetic: bool, same_for_rows: bool) -> Iterator[None]:
    """Draw numbers of latents that belong together, [S, ..., B, Z]; read while a function is traced.

    Parameters
    ----------
    antithetic : bool
        The second half of the S draws is the first with its sign changed, or u as 1 − u (S even): what is odd in them
        cancels.
    same_for_rows : bool
        Every row gets the same numbers, so that a row's result depends on no other row and no position. The draws then
        have one row, for all to be added to.
    """
    token = _PAIRED.set((antithetic, same_for_rows))
    try:
        yield
    finally:
        _PAIRED.reset(token)


def normal(shape: tf.Tensor | tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """Draw from N(0, 1) by the inverse of its distribution function; no draw is further out than 5.3."""
    shape, positions = _wanted(shape)
    drawn = math.sqrt(2.0) * tf.math.erfinv(2.0 * _middles(_words(positions, seed)) - 1.0)
    return tf.reshape(tf.concat([drawn, -drawn], 0), shape) if _PAIRED.get()[0] else drawn


def latent_uniform(shape: tf.Tensor | tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """Draw from U(0, 1) what a latent is made of, as `paired` says."""
    shape, positions = _wanted(shape)
    drawn = _middles(_words(positions, seed))
    return tf.reshape(tf.concat([drawn, 1.0 - drawn], 0), shape) if _PAIRED.get()[0] else drawn


def _wanted(shape: tf.Tensor | tuple[int, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the shape of the numbers that latents are made of, and the positions of those to be drawn for them."""
    antithetic, same_for_rows = _PAIRED.get()
    shape = tf.convert_to_tensor(shape)
    if same_for_rows:
        shape = tf.concat([shape[:-2], [1], shape[-1:]], 0)
    if not antithetic:
        return shape, _positions(shape)
    half = tf.reduce_prod(shape) // 2
    return shape, tf.range(half) if _ROWS.get() is None else tf.reshape(_positions(shape), [-1])[:half]


def _positions(shape: tf.Tensor | tuple[int, ...]) -> tf.Tensor:
    """Return the position in a seed's sequence of each number of this shape."""
    shape, known = tf.cast(shape, tf.int32), _ROWS.get()
    if known is None or _PAIRED.get()[1] or shape.shape[0] < 2:
        return tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    position, total_rows = known
    row = tf.range(tf.reduce_prod(shape[:-2]))[:, tf.newaxis] * total_rows + position  # [..., B], of all that are drawn
    return tf.reshape(row[..., tf.newaxis] * shape[-1] + tf.range(shape[-1]), shape)


def _words(positions: tf.Tensor, seed: tf.Tensor, start: int | tf.Tensor = 0) -> tf.Tensor:
    counter = tf.cast(positions, tf.uint32) + tf.cast(start, tf.uint32)
    return tf.ensure_shape(_hashed(counter, tf.convert_to_tensor(seed, tf.int32)), counter.shape)


@tf.function(autograph=False, input_signature=[tf.TensorSpec(None, tf.uint32), tf.TensorSpec([2], tf.int32)])
def _hashed(counter: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return the words of a seed at these positions; traced once a process, as `_folded`."""
    first, second = tf.unstack(tf.bitcast(seed, tf.uint32))
    return _hash(_hash(counter + first) ^ second)


def _middles(words: tf.Tensor) -> tf.Tensor:
    """Return words as numbers in (0, 1)."""
    # int32 first: the conversion of unsigned numbers is slow, and 23 bits have no sign
    cells = tf.cast(tf.cast(_right(words, 9), tf.int32), tf.float32)
    return (cells + 0.5) * RESOLUTION


def _hash(word: tf.Tensor) -> tf.Tensor:
    """Mix 32 bits so that each bit of the result depends on each bit of the word.

    References
    ----------
    The low-bias 32-bit hash of the Hash Prospector (Wellons, 2018; constants of its 2022 list).
    """
    word = (word ^ _right(word, 16)) * tf.constant(0x21F0AAAD, tf.uint32)
    word = (word ^ _right(word, 15)) * tf.constant(0xD35A2D97, tf.uint32)
    return word ^ _right(word, 15)


def _right(word: tf.Tensor, count: int) -> tf.Tensor:
    return tf.bitwise.right_shift(word, tf.constant(count, tf.uint32))
