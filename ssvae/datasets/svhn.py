"""SVHN, cropped digits: 73,257 + 26,032 house numbers (and 531,131 easier extra ones), 32 x 32 colour.

References
----------
Reading digits in natural images with unsupervised feature learning (Netzer et al., 2011),
http://ufldl.stanford.edu/housenumbers/
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssvae.datasets.base import DataFile, DatasetInfo, fetch
from ssvae.datasets.reading import training_rows
from ssvae.readers.errors import DataError, check_lengths
from ssvae.readers.pixels import scaled_bytes
from ssvae.types import Dataset

MIRRORS = ("http://ufldl.stanford.edu/housenumbers/",)
FILES = {
    "train": DataFile("svhn", "train_32x32.mat", "md5:e26dedcc434d2e4c54c9b2d4a06d8373", 182, MIRRORS),
    "test": DataFile("svhn", "test_32x32.mat", "md5:eb5a983be6a315427106f1b164d9cef3", 64, MIRRORS),
    "extra": DataFile("svhn", "extra_32x32.mat", "md5:a93ce644f1a588dc4d68dda5feec44a7", 1329, MIRRORS),
}
INFO = DatasetInfo(73_257, test_rows=26_032, features=3072, classes=10, files=(FILES["train"], FILES["test"]))


def load(folder: str | Path | None = None, extra: bool = False, valid: int = 5000) -> Dataset:
    """Return SVHN as x [N, 3072] in [0, 1], rows laid out as (height, width, channel); digit 0 is class 0.

    Parameters
    ----------
    folder : path, optional
        Where the files may be; see `ssvae.datasets.base.fetch`.
    extra : bool, default=False
        Append the 531,131 extra rows to the training rows (1.3 GB to download, 6.5 GB of memory).
    valid : int, default=5000
        The last `valid` training rows are validation rows.

    Raises
    ------
    DataError
        If a file is missing or damaged, or `valid` leaves no rows.
    """
    images, y = read_svhn(fetch(FILES["train"], folder))
    x_test, y_test = read_svhn(fetch(FILES["test"], folder))
    pool = training_rows(len(y), valid, f"valid={valid}")
    parts = [(images[:pool], y[:pool])]
    if extra:
        parts.append(read_svhn(fetch(FILES["extra"], folder)))
    return Dataset(
        name="svhn",
        x=np.concatenate([scaled_bytes(part) for part, _ in parts]),
        y=np.concatenate([labels for _, labels in parts]),
        x_valid=scaled_bytes(images[pool:]) if valid else None,
        y_valid=y[pool:] if valid else None,
        x_test=scaled_bytes(x_test),
        y_test=y_test,
        image_shape=(32, 32, 3),
    )


def read_svhn(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images (bytes [N, 32, 32, 3]) and labels (int64 [N]) of one .mat file.

    Raises
    ------
    DataError
        If the file cannot be read or does not hold these arrays.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=["X", "y"])
        images, labels = content["X"], content["y"].astype(np.int64).ravel()
    except Exception as error:  # scipy's reader meets damaged bytes with whatever error they lead to
        raise DataError(f"{path} cannot be read as SVHN's .mat file ({error}); delete it and fetch it again") from error
    if images.ndim != 4 or images.shape[:3] != (32, 32, 3) or images.dtype != np.uint8:
        raise DataError(f"{path} holds X {images.dtype} {list(images.shape)}, expected uint8 [32, 32, 3, N]")
    check_lengths(path, images.transpose(3, 0, 1, 2), labels)
    if labels.size and not 1 <= labels.min() <= labels.max() <= 10:
        raise DataError(f"{path} has labels {labels.min()} to {labels.max()}, expected 1 to 10 (10 means digit 0)")
    return images.transpose(3, 0, 1, 2), labels % 10
