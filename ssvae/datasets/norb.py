"""Small NORB: 24,300 + 24,300 stereo pairs of 50 toys in 5 classes, 2 x 96 x 96 grey.

References
----------
Learning methods for generic object recognition with invariance to pose and lighting (LeCun, Huang, Bottou, 2004),
https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ssvae.datasets.base import DataFile, DatasetInfo, fetch
from ssvae.datasets.reading import unzip
from ssvae.readers.errors import DataError, check_lengths
from ssvae.splits import holdout
from ssvae.types import Dataset

MIRRORS = ("https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",)
TRAIN, TEST = "smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing"
SUMS = {
    "x": "sha256:5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
    "y": "sha256:2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
    "x_test": "sha256:cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
    "y_test": "sha256:ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
}
FILES = {
    "x": DataFile("norb", f"{TRAIN}-dat.mat.gz", SUMS["x"], 125, MIRRORS),
    "y": DataFile("norb", f"{TRAIN}-cat.mat.gz", SUMS["y"], 0.001, MIRRORS),
    "x_test": DataFile("norb", f"{TEST}-dat.mat.gz", SUMS["x_test"], 125, MIRRORS),
    "y_test": DataFile("norb", f"{TEST}-cat.mat.gz", SUMS["y_test"], 0.001, MIRRORS),
}
INFO = DatasetInfo(rows=24_300, test_rows=24_300, features=4608, classes=5, files=tuple(FILES.values()))

MAGIC: dict[int, np.dtype] = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
SPLIT_SEED = 0  # fixed: which are the validation rows is part of the data set


def load(folder: str | Path | None = None, valid: int = 4300) -> Dataset:
    """Return small NORB as x [N, 4608] in [0, 1]: 48 x 48 means of 2 x 2 pixels, the two cameras side by side.

    Validation rows are taken from the training rows. (The authors' loader of 2014 chose on the test rows.) They show
    the same toys as the training rows, the test rows show others: the error on validation rows is optimistic.

    Parameters
    ----------
    folder : path, optional
        Where the files may be; see `ssvae.datasets.base.fetch`.
    valid : int, default=4300
        Validation rows, taken from the training rows in proportion to the classes; always the same ones.

    Raises
    ------
    ValueError
        If a file is missing or damaged (`DataError`), or `valid` leaves a class without rows.
    """
    x, y = _part(folder, "x", "y")
    x_test, y_test = _part(folder, "x_test", "y_test")
    chosen = holdout(y, int(valid), seed=SPLIT_SEED)
    learn = np.setdiff1d(np.arange(len(y)), chosen)
    return Dataset(
        name="norb",
        x=x[learn],
        y=y[learn],
        x_valid=x[chosen] if valid else None,
        y_valid=y[chosen] if valid else None,
        x_test=x_test,
        y_test=y_test,
        image_shape=(48, 96),
    )


def read_matrix(path: Path) -> np.ndarray:
    """Return the array in a gzipped binary matrix: magic, number of axes, at least three lengths, data; little endian.

    Raises
    ------
    DataError
        If the file is truncated or of another form.
    """
    raw = unzip(path)
    head = np.frombuffer(raw[:8].ljust(8, b"\0"), "<i4")
    if int(head[0]) not in MAGIC or not 0 < head[1] <= 8:
        raise DataError(
            f"{path} is not a binary matrix of bytes or integers: it starts with {raw[:8].hex() or 'nothing'}"
        )
    start = 8 + 4 * max(3, int(head[1]))  # a vector, too, is written with three lengths
    shape = [int(n) for n in np.frombuffer(raw[8 : 8 + 4 * head[1]], "<i4")]
    kind = MAGIC[int(head[0])]
    if len(raw) != start + math.prod(shape) * kind.itemsize:
        raise DataError(
            f"{path} has {len(raw)} bytes, its header {shape} of {kind.itemsize} bytes declares another size"
        )
    return np.frombuffer(raw, kind, offset=start).reshape(shape)


def _part(folder: str | Path | None, data: str, category: str) -> tuple[np.ndarray, np.ndarray]:
    """Return x float32 [N, 4608] and y int64 [N] of the training or the test part."""
    path = fetch(FILES[data], folder)
    images, labels = read_matrix(path), read_matrix(fetch(FILES[category], folder))
    if images.ndim != 4 or images.shape[1:] != (2, 96, 96):
        raise DataError(f"{path} holds {list(images.shape)}, expected [N, 2, 96, 96]")
    check_lengths(path, images, labels)
    blocks = images.reshape(-1, 2, 48, 2, 48, 2)
    small = blocks.sum(axis=(3, 5), dtype=np.float32) / np.float32(4 * 255)
    pair = small.transpose(0, 2, 1, 3)  # [N, 48, 2, 48]: each line of the left camera, then that of the right
    return np.ascontiguousarray(pair).reshape(len(images), -1), labels.astype(np.int64).ravel()
