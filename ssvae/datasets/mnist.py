"""MNIST: 60,000 + 10,000 handwritten digits, 28 x 28 grey.

References
----------
Gradient-based learning applied to document recognition (LeCun, Bottou, Bengio, Haffner, 1998),
http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

from pathlib import Path

from ssvae.datasets.base import DataFile, DatasetInfo
from ssvae.datasets.idx import load_idx
from ssvae.types import Dataset

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
FILES = {
    "x": DataFile("mnist", "train-images-idx3-ubyte.gz", "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873", 9.9, MIRRORS),
    "y": DataFile("mnist", "train-labels-idx1-ubyte.gz", "md5:d53e105ee54ea40749a09fcbcd1e9432", 0.03, MIRRORS),
    "x_test": DataFile("mnist", "t10k-images-idx3-ubyte.gz", "md5:9fb629c4189551a2d022fa330f9573f3", 1.6, MIRRORS),
    "y_test": DataFile("mnist", "t10k-labels-idx1-ubyte.gz", "md5:ec29112dd5afa0611ce80d1b7f02629c", 0.005, MIRRORS),
}
INFO = DatasetInfo(rows=60_000, test_rows=10_000, features=784, classes=10, files=tuple(FILES.values()))


def load(folder: str | Path | None = None, pool: int = 50_000) -> Dataset:
    """Return MNIST as x [pool, 784] in [0, 1].

    Parameters
    ----------
    folder : path, optional
        Where the files may be; see `ssvae.datasets.base.fetch`.
    pool : int, default=50000
        The first `pool` training rows are trained on and the others are validation rows: the paper's protocol.
        60000 trains on all and leaves no validation rows.

    Raises
    ------
    DataError
        If a file is missing or damaged, or `pool` is not in 1 ... 60000.
    """
    return load_idx("mnist", FILES, folder, pool)
