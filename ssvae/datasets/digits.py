"""Digits: 1797 handwritten digits, 8 x 8 grey; comes with scikit-learn and needs no download.

References
----------
Optical recognition of handwritten digits (Alpaydin, Kaynak, 1998), https://doi.org/10.24432/C50P49
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from ssvae.datasets.base import DatasetInfo
from ssvae.splits import holdout
from ssvae.types import Dataset

TEST_ROWS = 500
SPLIT_SEED = 0  # fixed: the held-out rows are part of the data set, so that every run reports on the same ones
INFO = DatasetInfo(rows=1297, test_rows=TEST_ROWS, features=64, classes=10)


def load(folder: str | Path | None = None, valid: int = 0) -> Dataset:
    """Return digits as x [1297 - valid, 64] in [0, 1], with 500 test rows that never change.

    Parameters
    ----------
    folder : path, optional
        Ignored: the data are part of scikit-learn.
    valid : int, default=0
        Training rows to move to x_valid, in proportion to the classes; always the same ones.

    Raises
    ------
    ValueError
        If `valid` leaves a class without training rows.
    """
    del folder
    pixels, labels = _read()
    x, y = (pixels / 16.0).astype(np.float32), labels.astype(np.int64)
    test = holdout(y, TEST_ROWS, seed=SPLIT_SEED)
    rest = np.setdiff1d(np.arange(len(y)), test)
    chosen = rest[holdout(y[rest], int(valid), seed=SPLIT_SEED)]
    learn = np.setdiff1d(rest, chosen)
    return Dataset(
        name="digits",
        x=x[learn],
        y=y[learn],
        x_valid=x[chosen] if valid else None,
        y_valid=y[chosen] if valid else None,
        x_test=x[test],
        y_test=y[test],
        image_shape=(8, 8),
    )


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Return pixels [1797, 64] and labels from scikit-learn's file: importing scikit-learn takes a second."""
    package = importlib.util.find_spec("sklearn")
    path = Path(package.origin or "").parent / "datasets" / "data" / "digits.csv.gz" if package else Path()
    if path.is_file():
        table = np.loadtxt(path, delimiter=",")
        return table[:, :-1], table[:, -1]
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)
