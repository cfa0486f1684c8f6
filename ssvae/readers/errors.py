"""The error of data that cannot be read, and the one way in which a format's own errors become it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class DataError(ValueError):
    """Data that are missing, damaged or not of the form that was expected."""


@contextmanager
def reading(name: object, trouble: str = "can no longer be read") -> Iterator[None]:
    """Turn whatever a format's library raises, which of damaged files is anything, into a `DataError`."""
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name} {trouble}: {error or type(error).__name__}") from error
