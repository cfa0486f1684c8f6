"""The records that travel between the parts, with their shapes.

Letters: N rows of a data set, B rows of a batch, D features, K classes (see GLOSSARY.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """Rows to learn from, rows for choosing settings, and rows for the final test.

    `y` may hold any label dtype; the value ``unlabeled`` (default -1) marks rows without a label.
    """

    name: str
    x: Any  # [N, D] float32, the pool: ndarray, or `sparse.Table` where most cells are 0
    y: np.ndarray  # [N]
    x_valid: Any = None  # rows for choosing settings, never trained on
    y_valid: np.ndarray | None = None
    x_test: Any = None  # rows for the reported error, never chosen on
    y_test: np.ndarray | None = None
    image_shape: tuple[int, ...] | None = None  # (height, width) or (height, width, channels)
    feature_names: tuple[str, ...] | None = None


class Batch(NamedTuple):
    """One minibatch. Unlabelled rows have every class as candidate."""

    x: Any  # [B, D], or a nest of such arrays
    y: Any  # [B, K] candidate classes: one-hot = labelled, all ones = unlabelled
    weight: Any  # [B] weight of each row in its mean
    index: Any  # [B] row in the data set
    peer: Any = None  # [B, D] a near row of each row, where a regularizer asks for it
    hint: Any = None  # [B, K] propagated labels, where a regularizer asks for them
    logits: Any = None  # [B, K] of q(y | x), once known
    peer_logits: Any = None  # [B, K] of q(y | x) at the peer
    place: Any = None  # [B] of each row in the whole batch, where replicas share it
    rows: Any = None  # [] rows of the whole batch, where replicas share it
