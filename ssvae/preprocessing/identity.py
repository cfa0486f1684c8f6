"""No preprocessing: t(x) = x."""

from __future__ import annotations

from typing import Self

import numpy as np

from ssvae.preprocessing.base import Preprocessing
from ssvae.readers.base import Rows, RowsInMemory, RowSource
from ssvae.readers.sparse_table import SparseTable


class Identity(Preprocessing):
    """Leave x as it is, but for the conversion to float32; a sparse table stays one."""

    identity = True

    def fit(self, x: Rows) -> Self:
        """See `Preprocessing.fit`."""
        del x
        return self

    def transform(self, x: RowsInMemory) -> RowsInMemory:
        """See `Preprocessing.transform`."""
        if isinstance(x, SparseTable) or (isinstance(x, np.ndarray) and x.dtype == np.float32):
            return x
        return self.by_chunks(np.asarray(x), np.asarray)

    def transformed(self, x: Rows) -> Rows:
        """See `Preprocessing.transformed`; rows on disk that are float32 stay as they are."""
        return x if isinstance(x, RowSource) and x.dtype == np.float32 else super().transformed(x)

    def inverse(self, t: np.ndarray) -> np.ndarray:
        """See `Preprocessing.inverse`."""
        return np.asarray(t, dtype=np.float32)

    def log_jacobian(self, x: Rows) -> np.ndarray:
        """Return zeros: see `Preprocessing.log_jacobian`."""
        return np.zeros(len(x))
