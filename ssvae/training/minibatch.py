"""Minibatches: the rows of a stage as tensors, and the rows of many steps gathered at once."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.backend.aligned_arrays import is_aligned
from ssvae.readers.base import RowSource
from ssvae.readers.sparse_table import SparseArrays, SparseTable
from ssvae.types import Batch, Observed, StageRows

Array = TypeVar("Array", np.ndarray, tf.Tensor)
# Rows as TensorFlow takes them: an array, the mean and log-variance of rows, or the three arrays of a sparse table.
RowTensors: TypeAlias = "Array | tuple[Array, ...] | SparseArrays"


class TrainingArrays(NamedTuple):
    """Per-row training arrays, or tensors of them; k and K are 0 where no regularizer asks for them."""

    x: StageRows | RowTensors
    y: np.ndarray | tf.Tensor  # [N] class index, -1 where there is no label
    weight: np.ndarray | tf.Tensor  # [N], of mean 1 over each stream
    neighbours: np.ndarray | tf.Tensor  # [N, k] the nearest rows of each row
    propagated: np.ndarray | tf.Tensor  # [N, K] propagated labels


def tensors(rows: TrainingArrays, shared: bool = False) -> TrainingArrays:
    """Return the rows as tensors, on the device of the caller; with `shared` they may share the memory of x."""
    x = tf.nest.map_structure(_shared if shared else _copied, _arrays(rows.x))
    y, weight = tf.constant(rows.y, tf.int32), tf.constant(rows.weight, tf.float32)
    neighbours, propagated = tf.constant(rows.neighbours, tf.int32), tf.constant(rows.propagated, tf.float32)
    return TrainingArrays(x, y, weight, neighbours, propagated)


def _copied(array: np.ndarray) -> tf.Tensor:
    return tf.constant(array, _kind(array))


def _shared(array: np.ndarray) -> tf.Tensor:
    """Return a tensor of the memory of an array, where that can be."""
    if array.dtype == np.float32 and is_aligned(array):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return _copied(array)


def signature(x: StageRows) -> TrainingArrays:
    """Return the types of `tensors` for rows x, however many."""
    specs = tf.nest.map_structure(lambda array: tf.TensorSpec([None, *array.shape[1:]], _kind(array)), _arrays(x))
    return TrainingArrays(specs, integers(None), floats(None), integers(None, None), floats(None, None))


def batches(rows: TrainingArrays, order: tf.Tensor, classes: int, width: int, labelled: bool) -> Batch:
    """Return the rows [steps, B] of a stream; the unlabelled one shows none of the labels that its rows may have."""
    index = tf.gather(rows.y, order) if labelled else tf.fill(tf.shape(order), -1)
    x, propagated = gathered(rows.x, order, width), tf.gather(rows.propagated, order)
    return Batch(x, candidates(index, classes), tf.gather(rows.weight, order), order, propagated=propagated)


def candidates(index: tf.Tensor, classes: int) -> tf.Tensor:
    """Return the classes [..., K] that rows of class index [...] may have: that one, or all where the index is -1."""
    every = tf.cast(index < 0, tf.float32)[..., tf.newaxis]
    return tf.one_hot(index, classes) + every


def draw_neighbours(rows: TrainingArrays, order: tf.Tensor, key: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """Return one of the nearest rows of each of the rows [steps, B], the first of which are of step `first`."""
    every = tf.gather(rows.neighbours, order)  # [steps, B, k]
    start = tf.cast(first, tf.uint32) * tf.cast(tf.shape(order)[1], tf.uint32)
    pick = random.uniform(tf.shape(order), key, start) * tf.cast(tf.shape(every)[2], tf.float32)
    return tf.gather(every, tf.cast(pick, tf.int32), batch_dims=2)


def share(order: tf.Tensor, number: int, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the rows [steps, b] of [steps, B] that replica `number` of `count` takes, and their positions [b]."""
    rows = tf.shape(order)[1]
    begin, end = (rows * part // count for part in (number, number + 1))
    return order[:, begin:end], tf.range(begin, end)


def batch_of_step(stream: Batch | None, step: tf.Tensor) -> Batch | None:
    """Return one step's batch out of those of many."""
    return tf.nest.map_structure(lambda every: None if every is None else every[step], stream)


def gathered(x: StageRows | RowTensors, index: tf.Tensor, width: int) -> Observed:
    """Return the rows of this index [...], dense: a nest of [..., width]."""
    if isinstance(x, SparseArrays):
        return _dense(x, index, width)
    return tf.nest.map_structure(lambda array: tf.gather(array, index), x)


def _dense(x: SparseArrays, index: tf.Tensor, width: int) -> tf.Tensor:
    """Return rows of a sparse table, [..., width]."""
    rows = tf.reshape(index, [-1])
    begin, end = tf.gather(x.starts, rows), tf.gather(x.starts, rows + 1)
    row = tf.repeat(tf.range(tf.size(rows)), end - begin)
    before = tf.cumsum(end - begin, exclusive=True)
    position = tf.range(tf.size(row, out_type=tf.int64)) + tf.repeat(begin - before, end - begin)
    cells = tf.stack([row, tf.gather(x.columns, position)], axis=1)
    found = tf.scatter_nd(cells, tf.gather(x.values, position), [tf.size(rows), width])
    return tf.reshape(found, tf.concat([tf.shape(index), [width]], 0))


def _arrays(x: StageRows | RowTensors) -> RowTensors:
    """Return the rows of a stage as a nest of arrays; of a source, which a step never sees, the form of its rows."""
    rows = x[:1] if isinstance(x, RowSource) else x
    return rows.arrays() if isinstance(rows, SparseTable) else rows


def _kind(array: np.ndarray) -> tf.DType:
    return tf.as_dtype(array.dtype) if np.issubdtype(array.dtype, np.integer) else tf.float32


def floats(*shape: int | None) -> tf.TensorSpec:
    """Return the type of such a tensor."""
    return tf.TensorSpec(shape, tf.float32)


def integers(*shape: int | None) -> tf.TensorSpec:
    """Return the type of such a tensor."""
    return tf.TensorSpec(shape, tf.int32)
