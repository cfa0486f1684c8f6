"""CIFAR-10: 50,000 + 10,000 photographs in 10 classes, 32 x 32 colour; the binary version, which holds no pickles.

References
----------
Learning multiple layers of features from tiny images (Krizhevsky, 2009), https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np

from ssvae.datasets.base import DataFile, DatasetInfo, fetch
from ssvae.datasets.reading import training_rows
from ssvae.readers.errors import DataError
from ssvae.readers.pixels import scaled_bytes
from ssvae.types import Dataset

FILES = {
    "archive": DataFile(
        "cifar10",
        "cifar-10-binary.tar.gz",
        "md5:c32a1d4ab5d03f1284b67883e8d87530",
        170,
        ("https://www.cs.toronto.edu/~kriz/",),
    )
}
INFO = DatasetInfo(rows=50_000, test_rows=10_000, features=3072, classes=10, files=tuple(FILES.values()))
TRAIN = tuple(f"cifar-10-batches-bin/data_batch_{n}.bin" for n in range(1, 6))
TEST = "cifar-10-batches-bin/test_batch.bin"
RECORD = 1 + 3 * 32 * 32  # label, then the red, the green and the blue plane


def load(folder: str | Path | None = None, valid: int = 5000) -> Dataset:
    """Return CIFAR-10 as x [N, 3072] in [0, 1], rows laid out as (height, width, channel).

    Parameters
    ----------
    folder : path, optional
        Where the file may be; see `ssvae.datasets.base.fetch`.
    valid : int, default=5000
        The last `valid` training rows are validation rows.

    Raises
    ------
    DataError
        If the file is missing or damaged, or `valid` leaves no rows.
    """
    path = fetch(FILES["archive"], folder)
    members = _members(path)
    x, y = _images(path, b"".join(members[name] for name in TRAIN))
    x_test, y_test = _images(path, members[TEST])
    pool = training_rows(len(y), valid, f"valid={valid}")
    return Dataset(
        name="cifar10",
        x=scaled_bytes(x[:pool]),
        y=y[:pool],
        x_valid=scaled_bytes(x[pool:]) if valid else None,
        y_valid=y[pool:] if valid else None,
        x_test=scaled_bytes(x_test),
        y_test=y_test,
        image_shape=(32, 32, 3),
    )


def _members(path: Path) -> dict[str, bytes]:
    """Read the six batches in memory: nothing is unpacked, so that no name inside can point anywhere."""
    wanted = {*TRAIN, TEST}
    found = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name in wanted and member.isfile():
                    found[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} is truncated or no tar.gz file ({error}); delete it and fetch it again") from error
    if missing := sorted(wanted - set(found)):
        raise DataError(f"{path} lacks {missing}; it must be the binary version of CIFAR-10")
    return found


def _images(path: Path, raw: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return images (bytes [N, 32, 32, 3]) and labels (int64 [N]) of a sequence of records."""
    if not raw or len(raw) % RECORD:
        raise DataError(f"{path}: a batch has {len(raw)} bytes, not a multiple of {RECORD}; fetch it again")
    records = np.frombuffer(raw, np.uint8).reshape(-1, RECORD)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1), records[:, 0].astype(np.int64)
