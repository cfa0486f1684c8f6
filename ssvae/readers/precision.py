"""Float32 where it holds every number of a table, float64 where it does not.

Columns such as Unix seconds vary by less than the gap between two float32 numbers of their size, so that rows are
rounded to float32 only once they have been preprocessed (`ssvae.preprocessing`).
"""

from __future__ import annotations

import numpy as np

VALUES = 2**18  # compared at a time


def row_dtype(stored: np.dtype) -> np.dtype:
    """Return float32 if it holds every number of a type, else float64.

    >>> [row_dtype(np.dtype(name)).name for name in ("uint8", "int16", "int32", "float64")]
    ['float32', 'float32', 'float64', 'float64']
    """
    return np.dtype(np.float32 if np.can_cast(stored, np.float32, "safe") else np.float64)


def exact(x: np.ndarray) -> np.ndarray:
    """Return numbers [N, ...] as float32 if that changes none of them, else as float64.

    >>> exact(np.array([0.5, 3.0])).dtype.name, exact(np.array([1.7e9 + 1.0])).dtype.name
    ('float32', 'float64')
    """
    with np.errstate(over="ignore"):  # what becomes infinite is another number
        single = x.astype(np.float32, copy=False)
    if row_dtype(x.dtype) == np.float32:
        return single
    step = max(1, VALUES * len(x) // max(1, x.size))
    same = all(
        np.array_equal(single[at : at + step], x[at : at + step], equal_nan=True) for at in range(0, len(x), step)
    )
    return single if same else x.astype(np.float64, copy=False)
