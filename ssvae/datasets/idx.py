"""The idx format of MNIST and of the data sets that took its place: big-endian header, then bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ssvae.datasets.base import DataFile, fetch
from ssvae.datasets.reading import training_rows, unzip
from ssvae.readers.errors import DataError, check_lengths
from ssvae.readers.pixels import scaled_bytes
from ssvae.types import Dataset

UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> np.ndarray:
    """Return the array of bytes in an idx .gz file.

    Raises
    ------
    DataError
        If the file is truncated or is not an idx file of bytes.
    """
    raw = unzip(path)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != UNSIGNED_BYTE:
        raise DataError(
            f"{path} is not an idx file of bytes: it starts with {raw[:4].hex() or 'nothing'}, expected 000008"
        )
    start = 4 + 4 * raw[3]
    shape = [int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4)]
    if len(raw) != start + math.prod(shape):
        raise DataError(f"{path} has {len(raw) - start} bytes of data, its header {shape} declares {math.prod(shape)}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def load_idx(name: str, files: Mapping[str, DataFile], folder: str | Path | None, pool: int) -> Dataset:
    """Return a data set of grey images in four idx files.

    Parameters
    ----------
    name : str
        Name of the data set.
    files : Mapping
        Its files, under "x", "y", "x_test" and "y_test".
    folder : path or None
        See `ssvae.datasets.base.fetch`.
    pool : int
        The first `pool` training rows are trained on, the others are validation rows (None if there are none).

    Raises
    ------
    DataError
        If a file is missing or damaged, or `pool` is not in 1 ... training rows.
    """
    images, labels, x_test, y_test = (read_idx(fetch(files[part], folder)) for part in ("x", "y", "x_test", "y_test"))
    check_lengths(f"{name} (training)", images, labels)
    check_lengths(f"{name} (test)", x_test, y_test)
    training_rows(len(images), len(images) - pool, f"pool={pool}")
    rest = pool < len(images)
    return Dataset(
        name=name,
        x=scaled_bytes(images[:pool]),
        y=labels[:pool].astype(np.int64),
        x_valid=scaled_bytes(images[pool:]) if rest else None,
        y_valid=labels[pool:].astype(np.int64) if rest else None,
        x_test=scaled_bytes(x_test),
        y_test=y_test.astype(np.int64),
        image_shape=images.shape[1:],
    )
