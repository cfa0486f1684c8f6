"""`DataError`, raised for data that cannot be read, and the checks that raise it."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from contextlib import contextmanager

import numpy as np


class DataError(ValueError):
    """Data that are missing, damaged or not of the form that was expected."""


@contextmanager
def reading(name: object, trouble: str = "can no longer be read") -> Iterator[None]:
    """Turn any exception of a format's library, which may raise anything for a damaged file, into a `DataError`."""
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name} {trouble}: {error or type(error).__name__}") from error


def check_lengths(name: object, x: Sized, y: Sized) -> None:
    """Raise where rows and labels are not equally many."""
    if len(x) != len(y):
        raise DataError(f"{name} has {len(x)} rows but {len(y)} labels; each row needs one")
