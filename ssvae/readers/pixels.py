"""Pixels of bytes as numbers in [0, 1]."""

from __future__ import annotations

import numpy as np


def scaled_bytes(pixels: np.ndarray) -> np.ndarray:
    """Return bytes [N, ...] as float32 [N, D] in [0, 1]."""
    return np.divide(pixels.reshape(len(pixels), -1), np.float32(255.0), dtype=np.float32)
