"""Binarised MNIST: Larochelle's fixed sample of 50,000 + 10,000 + 10,000 binary images, the benchmark for bounds.

The original is three text files without labels. A packed copy (.npz) holds the same bits, and labels that were
recovered by finding each image in MNIST; it is used where it is found.

References
----------
On the quantitative analysis of deep belief networks (Salakhutdinov, Murray, 2008), for the sampling of the pixels;
The neural autoregressive distribution estimator (Larochelle, Murray, 2011), for the files
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ssvae.datasets.base import DataFile, DatasetInfo, fetch, find_file
from ssvae.readers.errors import DataError, check_lengths
from ssvae.types import Dataset

NAME = "binarized_mnist"
MIRRORS = ("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",)
PARTS = ("train", "valid", "test")
SUMS = {
    "train": "sha256:ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "sha256:1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "sha256:e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}
FILES = {
    "train": DataFile(NAME, "binarized_mnist_train.amat", SUMS["train"], 78.4, MIRRORS),
    "valid": DataFile(NAME, "binarized_mnist_valid.amat", SUMS["valid"], 15.7, MIRRORS),
    "test": DataFile(NAME, "binarized_mnist_test.amat", SUMS["test"], 15.7, MIRRORS),
    "packed": DataFile(
        NAME,
        "binarized_mnist_larochelle.npz",
        "sha256:6c5deb0de506c90005481f226e2103b44273aabf3e3648a2bfdab94a656d3ba8",
        2.5,
    ),
}
INFO = DatasetInfo(
    60_000,
    test_rows=10_000,
    features=784,
    classes=10,
    files=tuple(FILES[part] for part in PARTS),
    instead=(FILES["packed"],),
)
PIXELS = 784


def load(folder: str | Path | None = None) -> Dataset:
    """Return binarised MNIST as x [50000, 784] of zeros and ones.

    Validation and test rows are the files' own; the test rows, which the files sort by class, come in one
    fixed shuffled order. From the text files, y is -1 throughout: they have no labels.

    Parameters
    ----------
    folder : path, optional
        Where the files may be; see `ssvae.datasets.base.fetch`.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    packed = find_file(FILES["packed"], folder) is not None
    parts = _read_packed(fetch(FILES["packed"], folder)) if packed else {p: _read_text(p, folder) for p in PARTS}
    order = np.random.default_rng(0).permutation(len(parts["test"][0]))
    return Dataset(
        name=NAME,
        x=parts["train"][0],
        y=parts["train"][1],
        x_valid=parts["valid"][0],
        y_valid=parts["valid"][1],
        x_test=parts["test"][0][order],
        y_test=parts["test"][1][order],
        image_shape=(28, 28),
    )


def _read_text(part: str, folder: str | Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y = -1 of one text file: a line per image, pixels 0 and 1 with spaces between them."""
    path = fetch(FILES[part], folder)
    digits = np.frombuffer(path.read_bytes(), np.uint8)
    digits = digits[(digits != ord(" ")) & (digits != ord("\n")) & (digits != ord("\r"))] - np.uint8(ord("0"))
    if not digits.size or digits.size % PIXELS or digits.max() > 1:
        raise DataError(f"{path} does not hold lines of {PIXELS} zeros and ones; delete it and fetch it again")
    x = digits.reshape(-1, PIXELS).astype(np.float32)
    return x, np.full(len(x), -1, dtype=np.int64)


def _read_packed(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return x and the recovered labels of each part."""
    parts = {}
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for part in PARTS:
                x = np.unpackbits(arrays[part], axis=1, count=PIXELS).astype(np.float32)
                parts[part] = x, arrays[f"{part}_labels_recovered"].astype(np.int64)
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} does not hold the packed images and labels ({error}); fetch it again") from error
    for part, (x, y) in parts.items():
        check_lengths(f"{path} ({part})", x, y)
    return parts
