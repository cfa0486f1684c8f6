"""Parquet files: numbers as they are, true/false as 1/0, text one-hot, as `readers.tables` encodes them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssvae.readers.blocked import BlockedFile
from ssvae.readers.errors import DataError, reading
from ssvae.readers.precision import row_dtype
from ssvae.readers.tables import encode_frame_as, feature_names, say_left_out
from ssvae.registry import unknown

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BLOCK = 2**22  # bytes of rows unpacked together
AHEAD = 2**12  # bytes that are read at a time, of each column


class ParquetFile(BlockedFile["pq.ParquetFile"]):
    """Rows of a Parquet file.

    A row group is shuffled as a whole. It can only be unpacked from its first row on, so that its blocks are read in
    their order.

    Parameters
    ----------
    path : Path
    names : sequence of str
        The features, as `readers.tables.encode_frame` calls them.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path, self.feature_names = path, tuple(names)
        self.file: pq.ParquetFile | None = None
        with self.open() as file:
            meta, columns = file.metadata, [str(name) for name in file.schema_arrow.names]
            groups = [meta.row_group(n).num_rows for n in range(meta.num_row_groups)]
            self.columns = _columns_of(names, columns)
            self.dtype = _dtype([file.schema_arrow.field(column).type for column in self.columns])
        self.rows_of_block = max(1, BLOCK // (4 * len(names)))
        ends = np.cumsum([0, *(n for n in groups if n)])
        begins = [np.arange(begin, end, self.rows_of_block) for begin, end in pairwise(ends)]
        super().__init__(str(path), (int(ends[-1]), len(names)), np.append(np.concatenate(begins), ends[-1]))
        self.block_starts = self.ends = ends
        self.groups = [n for n, rows in enumerate(groups) if rows]
        # The row group that is being unpacked, the number of its next block, and its blocks from there on.
        self.ahead: tuple[int, int, Iterator[pa.Table]] | None = None

    def open(self) -> AbstractContextManager[pq.ParquetFile]:
        """See `BlockedFile.open`: once, because a file's metadata of groups and columns takes much memory."""
        self.file = self.file or _open(self.path)
        return nullcontext(self.file)

    def blocks(self, file: pq.ParquetFile, number: int) -> Iterator[tuple[int, np.ndarray]]:
        """See `BlockedFile.blocks`: go on unpacking the row group, or begin again if the block has been passed."""
        group = int(np.searchsorted(self.ends, self.begins[number], side="right")) - 1
        first = int(np.searchsorted(self.begins, self.ends[group]))
        if self.ahead is None or self.ahead[0] != group or self.ahead[1] > number:
            self.ahead = group, first, self._unpacked(file, self.groups[group])
        _, at, tables = self.ahead
        while at <= number:
            table = next(tables, ())
            if len(table) != self.begins[at + 1] - self.begins[at]:
                raise ValueError(f"row group {self.groups[group]} has other rows than before")
            yield at, self._features(table, int(self.begins[at]))
            at += 1
            self.ahead = group, at, tables

    def select_features(self, names: tuple[str, ...]) -> ParquetFile:
        """See `RowSource.select_features`: columns in another order, or a text column with other values."""
        say_left_out(self.columns, names, self.path)
        return self if names == self.feature_names else ParquetFile(self.path, names)

    def labels(self, target: str | None) -> np.ndarray | None:
        """See `RowSource.labels`: a column."""
        if target is None:
            return None
        with reading(self.name), self.open() as file:
            if target not in file.schema_arrow.names:
                raise DataError(f"{self.path}: {unknown('target column', target, list(file.schema_arrow.names))}")
            return (
                file.read(columns=[target])
                .to_pandas(ignore_metadata=True, integer_object_nulls=True)[target]
                .to_numpy()
            )

    def _unpacked(self, file: pq.ParquetFile, group: int) -> Iterator[pa.Table]:
        """Yield the blocks of a row group."""
        import pyarrow as pa

        waiting: list[pa.RecordBatch] = []
        for batch in file.iter_batches(self.rows_of_block, row_groups=[group], columns=self.columns, use_threads=False):
            waiting.append(batch)
            table = pa.Table.from_batches(waiting)
            while len(table) >= self.rows_of_block:
                yield table[: self.rows_of_block]
                table = table[self.rows_of_block :]
            waiting = table.to_batches()
        if waiting:
            yield pa.Table.from_batches(waiting)

    def _features(self, table: pa.Table, first: int) -> np.ndarray:
        """Return the features of some rows; `first` is the number of the first of them."""
        if self.columns == list(self.feature_names or ()) and not any(column.null_count for column in table.columns):
            found = np.stack([column.to_numpy().astype(self.dtype) for column in table.columns], axis=1)
            if np.isfinite(found).all():
                return found
        frame = table.to_pandas(ignore_metadata=True)
        frame.index = pd.RangeIndex(first, first + len(frame))  # row numbers in error messages
        return encode_frame_as(frame, self.feature_names or (), self.path)

    def __getstate__(self) -> dict[str, object]:
        """Leave out the open file."""
        return {**super().__getstate__(), "ahead": None, "file": None}


def open_file(path: Path, target: str | Sequence[str] | None = None) -> ParquetFile:
    """Return the rows of a Parquet file; `target` is the column of labels, or the features to read.

    If they are not given, all values of text columns are read once, for their names.

    Raises
    ------
    DataError
        If the file is damaged or empty, or a column is neither numbers, nor true/false, nor categories.
    """
    if not isinstance(target, str | None):
        return ParquetFile(path, target)
    with _open(path) as file:
        columns = [name for name in _without_index(file.schema_arrow) if name != target]
        if not file.metadata.num_rows or not columns:
            raise DataError(f"{path} has {file.metadata.num_rows} rows and features {columns}; one of each is needed")
        names = [name for column in columns for name in _features_of(file, path, column)]
    return ParquetFile(path, names)


def column_names(path: Path) -> list[str]:
    """Return the names of a file's columns, without those of rows' names that pandas wrote."""
    with reading(path, "cannot be read"), _open(path) as file:
        return _without_index(file.schema_arrow)


def _without_index(schema: pa.Schema) -> list[str]:
    """Return the names of the columns that hold no rows' names."""
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in schema.names if name not in index]


def _features_of(file: pq.ParquetFile, path: Path, column: str) -> list[str]:
    """Return the names of the features of a column."""
    import pyarrow.types as types

    kind = file.schema_arrow.field(column).type
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        raise DataError(f"{path}: column {column!r} holds {kind}; make it columns of numbers, or drop it")
    numeric = types.is_decimal(kind) or (types.is_primitive(kind) and not types.is_temporal(kind))
    return [column] if numeric else feature_names(_values(file, column), path)


def _columns_of(names: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the columns that features come from: of their name, or of its part before an "=" (`column=value`)."""
    wanted = {name[:end] for name in names for end in (*(at for at, c in enumerate(name) if c == "="), len(name))}
    return [name for name in columns if name in wanted]


def _dtype(kinds: Sequence[pa.DataType]) -> np.dtype:
    """Return the type of rows that holds the numbers of columns of these types; text and true/false become 0 and 1."""
    import pyarrow.types as types

    numbers = [np.dtype(kind.to_pandas_dtype()) for kind in kinds if types.is_floating(kind) or types.is_integer(kind)]
    decimal = any(types.is_decimal(kind) for kind in kinds)
    return np.dtype(np.float64) if decimal else np.result_type(np.float32, *map(row_dtype, numbers))


def _open(path: Path) -> pq.ParquetFile:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"reading {path} needs pyarrow: pip install 'ssvae[parquet]'") from error
    # Without a buffer's size, a row group is read as a whole before its first row is unpacked.
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=AHEAD)


def _values(file: pq.ParquetFile, column: str) -> pd.Series:
    """Return the different values of a column."""
    seen: dict[object, None] = {}
    for batch in file.iter_batches(columns=[column], use_threads=False):
        seen.update(dict.fromkeys(batch.column(0).to_pandas().unique()))
    return pd.Series(list(seen), name=column, dtype=object)
