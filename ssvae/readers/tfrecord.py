"""TFRecord files of tf.train.Example records: features "x" (numbers, or bytes of pixels) and "y"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
import tensorflow as tf

from ssvae.readers.base import RowSource
from ssvae.readers.errors import DataError, reading
from ssvae.readers.pixels import scaled_bytes
from ssvae.readers.row_file import consecutive_rows, table_shape
from ssvae.registry import unknown

FRAME = 16  # bytes around a record: its length, and two checksums
AHEAD = 2**20  # bytes that TensorFlow reads at a time
TOGETHER = 512  # records a call
HOW = 'each record must be a tf.train.Example with feature "x", numbers or bytes, as many in each'


class TFRecordFile(RowSource):
    """Rows of a TFRecord file.

    Parameters
    ----------
    path : Path
    ends : ndarray [N]
        The byte behind each record.
    columns : int
        D.
    kind : tf.DType
        Of "x": float32, int64 or string.
    names : sequence of str
        The features of the first record.
    """

    def __init__(self, path: Path, ends: np.ndarray, columns: int, kind: tf.DType, names: Sequence[str]) -> None:
        self.name = str(path)
        self.shape, _, _ = table_shape(self.name, (len(ends), columns), self.dtype)
        self.dtype = np.dtype("float64" if kind == tf.int64 else "float32")
        self.path, self.kind, self.names, self.ends = path, kind, names, np.concatenate([[0], ends])

    def _records(self, file: IO[bytes], begin: int, end: int) -> list[bytes]:
        """Return the records [begin, end)."""
        first, last = int(self.ends[begin]), int(self.ends[end])
        file.seek(first)
        found = file.read(last - first)
        if len(found) < last - first:
            raise DataError(f"{self.path} ends before record {end - 1}: it is truncated")
        cuts = self.ends[begin : end + 1] - first
        return [found[a + FRAME - 4 : b - 4] for a, b in pairwise(cuts)]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """See `RowSource.take`."""
        records: list[bytes] = [b""] * len(rows)
        with reading(self.name), self.path.open("rb", buffering=0) as file:
            for begin, end, positions in consecutive_rows(rows):
                for position, record in zip(positions, self._records(file, begin, end), strict=True):
                    records[position] = record
        return self._parsed(records) if records else np.empty((0, self.shape[1]), self.dtype)

    def labels(self, target: str | None) -> np.ndarray | None:
        """See `RowSource.labels`: a feature, by default "y"; a record without it has no label."""
        if target is not None and target not in self.names:
            raise DataError(f"{self.path}: {unknown('feature of labels', target, sorted(self.names))}")
        with reading(self.name):
            found = [_label(record, target or "y") for record in _records(self.path)]
        return None if all(label is None for label in found) else np.array(found, object)

    def _parsed(self, records: list[bytes]) -> np.ndarray:
        pixels = self.kind == tf.string
        feature = tf.io.FixedLenFeature([] if pixels else [self.shape[1]], self.kind)
        try:
            with tf.device("CPU"):
                x = tf.io.parse_example(records, {"x": feature})["x"]
                x = tf.io.decode_raw(x, tf.uint8) if pixels else x
        except tf.errors.OpError as error:
            raise DataError(f"{self.path} has a record of another form than its first: {HOW}") from error
        if x.shape[1] != self.shape[1]:
            raise DataError(f"{self.path} has a record of {x.shape[1]} bytes, its first has {self.shape[1]}: {HOW}")
        return scaled_bytes(x.numpy()) if pixels else x.numpy().astype(self.dtype, copy=False)


def open_file(path: Path, target: str | None = None) -> TFRecordFile:
    """Return the rows of a TFRecord file, not zipped; all records are read once, and their checksums verified.

    Raises
    ------
    DataError
        If the file is damaged or its records are of another form.
    """
    records = _records(path)
    lengths = np.fromiter((len(record) for record in records), np.int64)
    first = tf.train.Example()
    try:
        first.ParseFromString(next(iter(_records(path))))
        x = first.features.feature["x"]
    except Exception as error:  # protobuf's own kinds of errors differ between its implementations
        raise DataError(f"{path} holds no records to learn from: {HOW}") from error
    kinds = {"float_list": tf.float32, "int64_list": tf.int64, "bytes_list": tf.string}
    values = getattr(x, x.WhichOneof("kind") or "float_list").value
    columns = len(values[0]) if x.WhichOneof("kind") == "bytes_list" and len(values) == 1 else len(values)
    if not columns:
        raise DataError(f"{path} has features {sorted(first.features.feature)}: {HOW}")
    kind = kinds[x.WhichOneof("kind")]
    return TFRecordFile(path, np.cumsum(lengths + FRAME), columns, kind, tuple(first.features.feature))


def _records(path: Path) -> Iterator[bytes]:
    """Yield the records of a file."""
    try:
        batches = tf.data.TFRecordDataset(str(path), buffer_size=AHEAD, num_parallel_reads=None).batch(TOGETHER)
        for batch in batches:
            yield from batch.numpy()
    except tf.errors.OpError as error:
        raise DataError(f"{path} cannot be read as TFRecord, not zipped: {error.message}") from error


def _label(record: bytes, name: str) -> object:
    """Return a record's label, None where it has none."""
    features = tf.train.Example.FromString(record).features.feature
    if name not in features:
        return None
    kind = features[name].WhichOneof("kind")
    values = list(getattr(features[name], kind).value) if kind else []
    if not values:
        return None
    return values[0].decode() if kind == "bytes_list" else values[0]
