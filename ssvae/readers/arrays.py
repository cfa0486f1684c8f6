""".npz files of arrays: x and y, and if they are there x_valid, y_valid, x_test and y_test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssvae.readers.errors import DataError, reading
from ssvae.readers.pixels import scaled_bytes


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a .npz file by name. Pickled objects are refused.

    Raises
    ------
    DataError
        If the file is empty, truncated or no .npz file, or has no array x.
    """
    how = "save it with numpy.savez(path, x=..., y=...), labels as whole numbers or as strings"
    with (
        reading(path, f"cannot be read as arrays ({how})"),
        path.open("rb") as stream,
        np.load(stream, allow_pickle=False) as archive,
    ):
        arrays = {name: archive[name] for name in archive.files}
    if "x" not in arrays:
        raise DataError(f"{path} has no array 'x', only {sorted(arrays)}; save it with numpy.savez(path, x=..., y=...)")
    return arrays


def features(x: np.ndarray, origin: object) -> tuple[np.ndarray, tuple[int, ...] | None]:
    """Return float32 [N, D] and the image shape of [N, D] (None), [N, H, W] or [N, H, W, C].

    Images of bytes are divided by 255; all other values stay as they are.

    Raises
    ------
    DataError
        If x is of another shape, holds no numbers or rows, or a value is not finite.
    """
    if x.ndim not in (2, 3, 4) or 0 in x.shape or x.dtype.kind not in "biuf":
        raise DataError(
            f"{origin}: x is {x.dtype} {list(x.shape)}; numbers [N, D], [N, H, W] or [N, H, W, C] are needed"
        )
    shape = tuple(x.shape[1:]) if x.ndim > 2 else None
    if shape and x.dtype == np.uint8:
        return scaled_bytes(x), shape
    with np.errstate(over="ignore"):  # what single precision cannot hold becomes infinite and is refused just below
        rows = x.reshape(len(x), -1).astype(np.float32)
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(f"{origin}: x is {rows[row, column]} at row {row}, column {column}; finite numbers are needed")
    return rows, shape
