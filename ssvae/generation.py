"""What a fitted classifier's generative model can do beside classifying."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ssvae import labels, prediction
from ssvae.fitting import fresh_seed
from ssvae.validation import check_rows


class Generation:
    """Bounds, reconstructions, analogies and samples, in the units of X; a part of `SSVAEClassifier`."""

    classes_: np.ndarray
    model_: Any
    objective_: Any
    preprocessing_: Any
    predict: Any
    _rows: Any

    def bound(self, X: Any, random_state: int = 0) -> np.ndarray:
        """Return a lower bound of log p(x) of each row, [N], nats, in the units of X.

        Grey levels are binarised once, and one sample of z is drawn a row and class, both by `random_state`.
        """
        x = self._rows(X)
        self._needs_density("bound")
        found = prediction.over_rows(self.model_, prediction.bound, x, seed=random_state, objective=self.objective_)
        if not self.preprocessing_.original_units:
            return found
        return found + self.preprocessing_.log_jacobian(check_rows(self, X))

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return the mean of p(x | z) at the posterior means, [N, D], in the units of X."""
        x = self._rows(X)
        self._needs_density("reconstruct")
        return self.preprocessing_.inverse(prediction.over_rows(self.model_, prediction.reconstruction, x))

    def analogies(self, X: Any, y: Any = None) -> np.ndarray:
        """Return every row as each of the classes: z from the row and its class, then y swept, [N, K, D].

        Parameters
        ----------
        X : array-like [N, D]
        y : array-like [N], optional
            The rows' classes; by default the predicted ones.
        """
        x = self._rows(X)
        self._needs_classes("analogies")
        own = labels.positions(self.predict(X) if y is None else y, self.classes_)
        one_hot = np.eye(len(self.classes_), dtype=np.float32)[own]
        rows = np.concatenate([x, one_hot], axis=1)
        found = prediction.over_rows(self.model_, prediction.analogies, rows, chunk=64, features=x.shape[1])
        flat = self.preprocessing_.inverse(found.reshape(-1, found.shape[-1]))
        return flat.reshape(*found.shape[:2], -1)

    def sample(self, n: int = 1, y: Any = None, random_state: Any = None) -> np.ndarray:
        """Draw rows from the model and return their means, [n, D], in the units of X.

        Parameters
        ----------
        n : int
        y : class or array-like [n], optional
            The class of all rows or of each; by default the classes come from p(y).
        random_state : int, RandomState or None
        """
        check_is_fitted(self)
        self._needs_density("sample")
        seed = fresh_seed(random_state)
        index = None if y is None else labels.positions(np.broadcast_to(y, (n,)), self.classes_)
        found = prediction.draw(self.model_, n, index, seed)
        return self.preprocessing_.inverse(found)

    def _needs_classes(self, method: str) -> None:
        if not hasattr(self.model_, "classify") or not hasattr(self.model_, "encode"):
            raise ValueError(f"{method} needs a generative model with classes: fit 'm2' or 'm1_m2'")

    def _needs_density(self, method: str) -> None:
        if not hasattr(self.model_, "encode"):
            raise ValueError(f"{method} needs a generative model: fit 'm1', 'm2' or 'm1_m2'")
