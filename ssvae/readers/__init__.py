"""Table of the readers of rows on disk, by the ending of the file; `ssvae.readers.open` is the entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import LazyTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssvae.readers.base import RowSource

READERS: LazyTable[Callable[..., RowSource]] = LazyTable(
    "ending of a file of rows",
    {
        ".h5": "ssvae.readers.hdf5:open_file",
        ".hdf5": "ssvae.readers.hdf5:open_file",
        ".npy": "ssvae.readers.npy:open_file",
        ".npz": "ssvae.readers.csr:open_file",
        ".parquet": "ssvae.readers.parquet:open_file",
        ".tfrecord": "ssvae.readers.tfrecord:open_file",
        ".tfrecords": "ssvae.readers.tfrecord:open_file",
    },
)
