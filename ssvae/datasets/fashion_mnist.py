"""Fashion-MNIST: 60,000 + 10,000 articles of clothing, 28 x 28 grey, in MNIST's format.

References
----------
Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms (Xiao, Rasul, Vollgraf, 2017),
https://arxiv.org/abs/1708.07747
"""

from __future__ import annotations

from pathlib import Path

from ssvae.datasets.base import DataFile, DatasetInfo
from ssvae.datasets.idx import load_idx
from ssvae.types import Dataset

NAME = "fashion_mnist"
MIRRORS = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
FILES = {
    "x": DataFile(NAME, "train-images-idx3-ubyte.gz", "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26.4, MIRRORS),
    "y": DataFile(NAME, "train-labels-idx1-ubyte.gz", "md5:25c81989df183df01b3e8a0aad5dffbe", 0.03, MIRRORS),
    "x_test": DataFile(NAME, "t10k-images-idx3-ubyte.gz", "md5:bef4ecab320f06d8554ea6380940ec79", 4.4, MIRRORS),
    "y_test": DataFile(NAME, "t10k-labels-idx1-ubyte.gz", "md5:bb300cfdad3c16e7a12a480ee83cd310", 0.005, MIRRORS),
}
INFO = DatasetInfo(rows=60_000, test_rows=10_000, features=784, classes=10, files=tuple(FILES.values()))


def load(folder: str | Path | None = None, pool: int = 50_000) -> Dataset:
    """Return Fashion-MNIST as x [pool, 784] in [0, 1].

    Parameters
    ----------
    folder : path, optional
        Where the files may be; see `ssvae.datasets.base.fetch`. Its files have the same names as MNIST's: keep them
        in ``FOLDER/fashion_mnist/``.
    pool : int, default=50000
        The first `pool` training rows are trained on and the others are validation rows.

    Raises
    ------
    DataError
        If a file is missing or damaged, or `pool` is not in 1 ... 60000.
    """
    return load_idx(NAME, FILES, folder, pool)
