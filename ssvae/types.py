"""The records that travel between the parts, with their shapes, and the types of rows.

Letters: N rows of a data set, B rows of a batch, D features, K classes (see GLOSSARY.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # at run time this module is the lowest, and light
    import tensorflow as tf

    from ssvae.readers.base import Rows

# What a stage trains on: observed rows, or the mean and log-variance of what it samples its rows from.
StageRows: TypeAlias = "Rows | tuple[np.ndarray, ...]"
# The same for the rows of a batch.
Observed: TypeAlias = "tf.Tensor | tuple[tf.Tensor, ...]"
# X as users give it: arrays, frames, scipy's sparse matrices, memory maps, h5py's datasets, and paths.
ArrayLike: TypeAlias = "npt.ArrayLike | Rows | Path"


class Dataset(NamedTuple):
    """Rows to learn from, validation rows, and test rows.

    `y` may hold any label dtype; the value ``unlabeled`` (default -1) marks rows without a label.
    """

    name: str
    x: Rows  # [N, D] float32, the pool: an array, a table of which most cells are 0, or a source on disk
    y: np.ndarray  # [N]
    x_valid: Rows | None = None  # validation rows, to choose settings on, never trained on
    y_valid: np.ndarray | None = None
    x_test: Rows | None = None  # rows for the reported error, never chosen on
    y_test: np.ndarray | None = None
    image_shape: tuple[int, ...] | None = None  # (height, width) or (height, width, channels)
    feature_names: tuple[str, ...] | None = None
    row_keys: dict[str, np.ndarray] | None = None  # of a user's own x, [N] each: row number or file name, id columns
    columns: list[dict[str, object]] | None = None  # of a table: `readers.column_schema.as_json` of what they hold


class Batch(NamedTuple):
    """One minibatch of the labelled or of the unlabelled stream."""

    x: Observed  # [B, D], or a nest of such arrays
    y: tf.Tensor  # [B, K] candidate classes: one-hot = labelled, all ones = unlabelled, anything between = partial
    weight: tf.Tensor  # [B] weight of each row in its mean
    index: tf.Tensor  # [B] row in the data set
    neighbour: tf.Tensor | None = None  # [B, D] one of the nearest rows of each row, where a regularizer asks for it
    propagated: tf.Tensor | None = None  # [B, K] labels propagated over the graph of nearest rows, likewise
    logits: tf.Tensor | None = None  # [B, K] of q(y | x), once known
    neighbour_logits: tf.Tensor | None = None  # [B, K] of q(y | x) at the neighbour
    position: tf.Tensor | None = None  # [B] of each row in the whole batch, where replicas share it
    total_rows: tf.Tensor | None = None  # [] rows of the whole batch, where replicas share it
