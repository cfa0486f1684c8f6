"""Rows of a Parquet file: numbers as they are, true/false as 1/0, text one-hot, as in memory (`datasets.tables`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssvae.datasets.base import DataError
from ssvae.datasets.tables import feature_names, frame_as
from ssvae.registry import unknown
from ssvae.sources.blocked import Blocked

BLOCK = 2**22  # bytes of rows unpacked together


class Parquet(Blocked):
    """Rows of a Parquet file.

    A row group is unpacked from its first row on; it is a part of the shuffle, and its blocks are read in their order.

    Parameters
    ----------
    path : Path
    names : sequence of str
        The features, as `datasets.tables.encode` calls them.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path, self.feature_names = path, tuple(names)
        with self.open() as file:
            meta = file.metadata
            groups = [meta.row_group(n).num_rows for n in range(meta.num_row_groups)]
            columns = [str(name) for name in file.schema_arrow.names]
        wanted = {name[:cut] for name in names for cut in (*(at for at, c in enumerate(name) if c == "="), len(name))}
        self.columns = [name for name in columns if name in wanted]
        self.rows_of_block = max(1, BLOCK // (4 * len(names)))
        ends = np.cumsum([0, *(n for n in groups if n)])
        begins = [np.arange(begin, end, self.rows_of_block) for begin, end in itertools.pairwise(ends)]
        super().__init__(str(path), (int(ends[-1]), len(names)), np.append(np.concatenate(begins), ends[-1]))
        self.block_starts = self.ends = ends
        self.groups = [n for n, rows in enumerate(groups) if rows]
        self.ahead: tuple[int, int, Iterator[Any]] | None = None  # of the group that is being unpacked, the next block

    def open(self) -> AbstractContextManager[Any]:
        """See `Blocked.open`."""
        return _open(self.path)

    def blocks(self, file: Any, number: int) -> Iterator[tuple[int, np.ndarray]]:
        """See `Blocked.blocks`: unpack the row group from where it stands, if the block is still to come, or anew."""
        group = int(np.searchsorted(self.ends, self.begins[number], side="right")) - 1
        first = int(np.searchsorted(self.begins, self.ends[group]))
        if self.ahead is None or self.ahead[0] != group or self.ahead[1] > number:
            self.ahead = group, first, self._unpacked(self.groups[group])
        _, at, frames = self.ahead
        while at <= number:
            frame = next(frames, None)
            if frame is None or len(frame) != self.begins[at + 1] - self.begins[at]:
                raise ValueError(f"row group {self.groups[group]} has other rows than before")
            frame.index = pd.RangeIndex(self.begins[at], self.begins[at + 1])  # for the words of errors
            yield at, frame_as(frame, self.feature_names or (), self.path)
            at += 1
            self.ahead = group, at, frames

    def labels(self, target: str | None) -> np.ndarray | None:
        """See `Source.labels`: a column."""
        if target is None:
            return None
        with self.open() as file:
            if target not in file.schema_arrow.names:
                raise DataError(f"{self.path}: {unknown('target column', target, list(file.schema_arrow.names))}")
            return file.read(columns=[target]).to_pandas(ignore_metadata=True)[target].to_numpy()

    def _unpacked(self, group: int) -> Iterator[Any]:
        """Yield the blocks of a row group as frames."""
        import pyarrow as pa

        with self.open() as file:
            waiting: list[Any] = []
            batches = file.iter_batches(self.rows_of_block, row_groups=[group], columns=self.columns, use_threads=False)
            for batch in batches:
                waiting.append(batch)
                table = pa.Table.from_batches(waiting)
                while len(table) >= self.rows_of_block:
                    yield table[: self.rows_of_block].to_pandas(ignore_metadata=True)
                    table = table[self.rows_of_block :]
                waiting = table.to_batches()
            if waiting:
                yield pa.Table.from_batches(waiting).to_pandas(ignore_metadata=True)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is being unpacked."""
        return {**super().__getstate__(), "ahead": None}


def open_file(path: Path, target: str | Sequence[str] | None = None) -> Parquet:
    """Return the rows of a Parquet file; `target` is a column that is no feature, or the features that are wanted.

    If they are not given, all values of text columns are read once, for their names.

    Raises
    ------
    DataError
        If the file is damaged or empty, or a column is neither numbers, nor true/false, nor categories.
    """
    if not isinstance(target, str | None):
        return Parquet(path, target)
    with _open(path) as file:
        import pyarrow.types as types

        schema = file.schema_arrow
        columns = [name for name in schema.names if name != target]
        if not file.metadata.num_rows or not columns:
            raise DataError(f"{path} has {file.metadata.num_rows} rows and features {columns}; one of each is needed")
        names: list[str] = []
        for column in columns:
            kind = schema.field(column).type
            if types.is_nested(kind):
                raise DataError(f"{path}: column {column!r} holds {kind}; make it columns of numbers, or drop it")
            numeric = types.is_decimal(kind) or (types.is_primitive(kind) and not types.is_temporal(kind))
            names += [column] if numeric else feature_names(_values(file, column), path)
    return Parquet(path, names)


def _open(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"reading {path} needs pyarrow: pip install 'ssvae[parquet]'") from error
    try:
        return pq.ParquetFile(path, pre_buffer=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _values(file: Any, column: str) -> pd.Series:
    """Return the different values of a column."""
    seen: dict[Any, None] = {}
    for batch in file.iter_batches(columns=[column], use_threads=False):
        seen.update(dict.fromkeys(batch.column(0).to_pandas().unique()))
    return pd.Series(list(seen), name=column, dtype=object)
