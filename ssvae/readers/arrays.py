""".npz files of arrays: x and y, and if they are there x_valid, y_valid, x_test and y_test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ssvae.readers.errors import DataError, check_lengths, reading
from ssvae.readers.label_columns import as_labels
from ssvae.readers.pixels import scaled_bytes
from ssvae.readers.precision import exact
from ssvae.types import Dataset

MEMBERS = tuple(f"{name}{part}" for part in ("", "_valid", "_test") for name in "xy")


def read_arrays(path: Path, members: Sequence[str] = MEMBERS) -> dict[str, np.ndarray]:
    """Return those arrays of a .npz file that are asked for and there, by name. Pickled objects are refused.

    Others are not unpacked, which may take any memory.

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
        names = sorted(archive.files)
        arrays = {name: archive[name] for name in members if name in names}
    if "x" not in arrays:
        raise DataError(f"{path} has no array 'x', only {names}; save it with numpy.savez(path, x=..., y=...)")
    return arrays


def read_dataset(path: Path, unlabeled: object = -1, no_label: Sequence[str] = ()) -> Dataset:
    """Return the rows and labels of a .npz file; `no_label` are texts that mean that a row has none.

    Raises
    ------
    DataError
        See `read_arrays` and `as_features`.
    """
    arrays, found, image_shape = read_arrays(path), {}, None
    rows = {name: array for name, array in arrays.items() if name.startswith("x")}
    if len({array.dtype == np.uint8 and array.ndim > 2 for array in rows.values()}) > 1:
        shown = ", ".join(f"{name} {array.dtype} {list(array.shape)}" for name, array in rows.items())
        raise DataError(f"{path}: images of bytes are divided by 255, and others are not: save {shown} alike")
    for suffix in ("", "_valid", "_test"):
        if f"x{suffix}" not in arrays:
            continue
        x, shape = as_features(arrays[f"x{suffix}"], f"{path} (x{suffix})")
        y = arrays.get(f"y{suffix}", np.full(len(x), np.nan))
        if y.ndim != 1 and y.shape[1:] != (1,):
            raise DataError(f"{path}: y{suffix} is {list(y.shape)}; one label a row, [{len(x)}], is needed")
        y = y.ravel()
        y = as_labels(y, f"{path} (y{suffix})", unlabeled, no_label)
        check_lengths(f"{path} (x{suffix})", x, y)
        found[suffix] = x, y
        if suffix and x.shape[1] != found[""][0].shape[1]:
            raise DataError(f"{path}: x{suffix} has {x.shape[1]} features, x has {found[''][0].shape[1]}")
        image_shape = image_shape if suffix else shape
    (x, y), none = found[""], (None, None)
    (x_valid, y_valid), (x_test, y_test) = found.get("_valid", none), found.get("_test", none)
    return Dataset(path.stem, x, y, x_valid, y_valid, x_test, y_test, image_shape)


def as_features(x: np.ndarray, origin: object) -> tuple[np.ndarray, tuple[int, ...] | None]:
    """Return [N, D], float32 or if need be float64, and the image shape of [N, D] (None), [N, H, W] or [N, H, W, C].

    Images of bytes are divided by 255; all other values stay as they are.

    Raises
    ------
    DataError
        If x is of another shape, holds no numbers or rows, or a value is infinite.
    """
    if x.ndim not in (2, 3, 4) or 0 in x.shape or x.dtype.kind not in "biuf":
        raise DataError(
            f"{origin}: x is {x.dtype} {list(x.shape)}; numbers [N, D], [N, H, W] or [N, H, W, C] are needed"
        )
    shape = tuple(x.shape[1:]) if x.ndim > 2 else None
    if shape and x.dtype == np.uint8:
        return scaled_bytes(x), shape
    with np.errstate(over="ignore"):  # what single precision cannot hold becomes infinite and is refused just below
        rows = exact(x.reshape(len(x), -1))
        single = rows.astype(np.float32, copy=False)
    infinite = np.isinf(single)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise DataError(
            f"{origin}: x is {single[row, column]} at row {row}, column {column}; finite numbers are needed, or NaN "
            "where a cell is missing"
        )
    return rows, shape
