"""Forests of decision trees by scikit-learn, kept as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from ssvae.averaging.base import Member, TrainingRows

TREES = 100
ROWS = 256  # that walk down the trees together


class Forest(Member):
    """The mean over trees of the class shares in the leaf of a row; nodes of all trees are numbered one after another.

    Attributes
    ----------
    roots_ : ndarray [T]
        The number of each tree's first node.
    feature_, threshold_ : ndarray [M]
        A row goes to the left child of node m where x[feature] <= threshold, in float32.
    left_, right_ : ndarray [M]
        The children; a leaf is its own.
    share_ : ndarray [M, K]
        Share of each class among the training rows in the node.
    """

    learnt = ("roots", "feature", "threshold", "left", "right", "share")
    repeats = 1
    kind: ClassVar[type[RandomForestClassifier | ExtraTreesClassifier]]

    def fit(self, rows: TrainingRows) -> Self:
        """See `Member.fit`."""
        trees = [own.tree_ for own in self.kind(TREES, random_state=rows.seed).fit(rows.x, rows.index).estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        offset, itself = np.repeat(starts[:-1], np.diff(starts)), np.arange(starts[-1])
        left, right, feature, threshold, counts = (
            np.concatenate(parts)
            for parts in zip(
                *((t.children_left, t.children_right, t.feature, t.threshold, t.value[:, 0]) for t in trees),
                strict=True,
            )
        )
        leaf = left < 0
        self.roots_ = starts[:-1].astype(np.int32)
        self.feature_, self.threshold_ = np.where(leaf, 0, feature).astype(np.int32), threshold
        self.left_ = np.where(leaf, itself, left + offset).astype(np.int32)
        self.right_ = np.where(leaf, itself, right + offset).astype(np.int32)
        self.share_ = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
        return self

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Member.from_arrays`; a child stands behind its parent, or walks would not end."""
        restored = super().from_arrays(arrays)
        numbers = np.arange(len(restored.feature_))
        if (restored.left_ < numbers).any() or (restored.right_ < numbers).any():
            raise ValueError("nodes of a tree that stand before their parents")
        return restored

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """See `Member.probabilities`."""
        x = x.astype(np.float32)
        return np.concatenate([self._shares(x[at : at + ROWS]) for at in range(0, len(x), ROWS)])

    def _shares(self, x: np.ndarray) -> np.ndarray:
        """Return the mean of the leaves' shares of some rows [B, D]."""
        row = np.arange(len(x))[:, np.newaxis]
        before, node = None, np.broadcast_to(self.roots_, (len(x), len(self.roots_)))
        while before is None or (node != before).any():
            goes_left = x[row, self.feature_[node]] <= self.threshold_[node]
            before, node = node, np.where(goes_left, self.left_[node], self.right_[node])
        return self.share_[node].mean(axis=1, dtype=np.float64)


class RandomForest(Forest):
    """Trees on bootstrap samples, each split the best of √D columns."""

    kind = RandomForestClassifier


class ExtraTrees(Forest):
    """Trees on all rows, with thresholds drawn at random: smoother than a random forest on few rows."""

    kind = ExtraTreesClassifier
