"""NumPy arrays that begin where TensorFlow's operations need it, so that a tensor can share their memory."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

BYTES = 64  # TensorFlow ends the process where an operation on the CPU meets a tensor that begins elsewhere


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> np.ndarray:
    """Return an aligned array whose values are not set."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + BYTES, np.uint8)
    start = -memory.ctypes.data % BYTES
    return memory[start : start + size].view(dtype).reshape(shape)


def is_aligned(array: np.ndarray) -> bool:
    """Say whether a tensor can share the memory of an array: aligned, without gaps, and not read-only."""
    flags = array.flags
    return bool(array.size and array.ctypes.data % BYTES == 0 and flags.c_contiguous and flags.writeable)
