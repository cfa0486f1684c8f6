"""Readers of rows that stay on disk, by the ending of their file; `ssvae.sources.front` opens what users hand in."""

from __future__ import annotations

from ssvae.registry import Registry

SOURCES = Registry(
    "ending of a file of rows",
    {
        ".h5": "ssvae.sources.hdf5:open_file",
        ".hdf5": "ssvae.sources.hdf5:open_file",
        ".npy": "ssvae.sources.npy:open_file",
        ".npz": "ssvae.sources.csr:open_file",
        ".parquet": "ssvae.sources.parquet:open_file",
        ".tfrecord": "ssvae.sources.tfrecord:open_file",
        ".tfrecords": "ssvae.sources.tfrecord:open_file",
    },
)
