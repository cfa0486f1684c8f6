"""The generative side of a fitted classifier: densities, reconstructions, analogies and samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ssvae import prediction
from ssvae.backend import eager_guard
from ssvae.estimator import data_frames, labels
from ssvae.estimator.fitting import fresh_seed
from ssvae.estimator.validation import check_table
from ssvae.evaluation import log_likelihood
from ssvae.evaluation.inference_gap import gaps
from ssvae.evaluation.inference_gap_report import About, GapReport
from ssvae.inference import INFERENCES
from ssvae.inference.base import Inference
from ssvae.models.base import Model
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, HasDensity, Stacked
from ssvae.objective import Objective
from ssvae.preprocessing.base import Preprocessing
from ssvae.readers import column_schema
from ssvae.readers.base import Rows
from ssvae.registry import Slot
from ssvae.settings.checks import whole
from ssvae.types import ArrayLike


class GenerativeMixin:
    """Bounds, reconstructions, analogies and samples, in the units of X; a base class of `SSVAEClassifier`."""

    classes_: np.ndarray
    model_: Model
    objective_: Objective
    preprocessing_: Preprocessing
    feature_names_in_: np.ndarray
    predict: Callable[[ArrayLike], np.ndarray]
    predict_proba: Callable[[ArrayLike], np.ndarray]
    _rows: Callable[[ArrayLike], Rows]

    @property
    def has_density(self) -> bool:
        """Whether the fitted model generates x, so that there are bounds; the classifier network alone does not."""
        return isinstance(self.model_, HasDensity)

    def bound(self, X: ArrayLike, random_state: int = 0) -> np.ndarray:
        """Return a lower bound of log p(x) of each row.

        Grey levels are binarised once, and one sample of z is drawn a row and class.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.
        random_state : int, default=0
            Decides the binary values and the sample.

        Returns
        -------
        ndarray [N]
            Bounds in nats, in the units of X.
        """
        x, model = self._rows(X), self._density("bound")
        found = prediction.over_rows(model, prediction.bound, x, seed=random_state, objective=self.objective_)
        return found + self._log_jacobian(X)

    def log_evidence(
        self,
        X: ArrayLike,
        samples: int = 1000,
        random_state: int = 0,
        inference: Slot[Inference] | None = None,
        progress: log_likelihood.Progress | None = None,
    ) -> np.ndarray:
        """Return log p(x) of each row by importance sampling.

        log 1/S Σ_s p(x, z_s) / q(z_s), z_s ~ q, with classes summed out; in expectation it is at most log p(x). Grey
        levels are binarised once, as `bound` does with the same `random_state`.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.
        samples : int, default=1000
            S, draws of z a row (and class); memory does not grow with them.
        random_state : int, default=0
            Decides the draws.
        inference : str, dict or Inference, default=None
            How λ of q are found, once for each row (and class): by default as fitted. Gradient refinement needs nothing
            that fit would have to learn: ``{"name": "gradient_refined", "test_steps": 20}``.
        progress : callable, default=None
            Receives how many rows are done, and of how many.

        Returns
        -------
        ndarray [N]
            Estimates of log p(x) in nats, in the units of X.
        """
        x, model = self._rows(X), self._density("log_evidence")
        whole("samples", samples)
        inference = self.objective_.inference if inference is None else INFERENCES.build(inference)
        observed = log_likelihood.observed(model, x, random_state)
        found = log_likelihood.estimate(model, observed, samples, inference, random_state, progress)
        return found.log_p + self._log_jacobian(X)

    def elbo_gap(
        self,
        X: ArrayLike,
        steps: int = 500,
        samples: int = 500,
        random_state: int = 0,
        progress: log_likelihood.Progress | None = None,
    ) -> GapReport:
        """Measure how far the bound of each row is below log p, and how much of that is the encoder's.

        For M2 these are bounds of log p(x | y) at the most probable class; for M1+M2 those of its M1.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.
        steps : int, default=500
            Of the local optimisation of q for each row.
        samples : int, default=500
            S, draws of z that measure each q.
        random_state : int, default=0
            Decides the draws.
        progress : callable, default=None
            Receives how many rows are done, and of how many.

        Returns
        -------
        GapReport
            Nats a row, in the units of X; ``.verdict()`` says what they mean.
        """
        whole("steps", steps)
        whole("samples", samples, 2)
        part, x, y, of = self.scored(X, random_state)
        if part.binary:
            raise ValueError(
                "elbo_gap refines the posterior of continuous latents, and those of this model are binary: compare "
                "bound(X) with log_evidence(X)"
            )
        inference = self.objective_.inference
        about = About(of, samples, steps, log_likelihood.steps(inference), inference.start)
        return gaps(part, x, y, about, inference, random_state, self._log_jacobian(X), progress)

    def scored(self, X: ArrayLike, random_state: int = 0) -> tuple[Model, Rows, np.ndarray | None, str]:
        """Return the part of the model that has a bound of its own, and rows as it scores them.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.
        random_state : int, default=0
            Decides the binary values of grey levels.

        Returns
        -------
        part : Model
            Of a stack its M1, else the model.
        x : ndarray [N, D]
            Preprocessed; grey levels binarised once by `random_state`.
        y : ndarray [N, K] or None
            The most probable classes, one-hot, where the part has classes.
        of : str
            What the part's bound is a bound of.
        """
        x, model = self._rows(X), self._density("elbo_gap")
        part, y = model.first if isinstance(model, Stacked) else model, None
        of = "log p(x)" if part is model else "log p(x) of M1, the lower part of the stack"
        assert isinstance(part, Model)  # what is stacked are models
        if isinstance(part, HasClasses):
            y = np.eye(len(self.classes_), dtype=np.float32)[self.predict_proba(X).argmax(axis=1)]
            of = "log p(x | y), y the most probable class"
        return part, log_likelihood.observed(model, x, random_state), y, of

    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Return the mean of p(x | z) at the posterior means.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.

        Returns
        -------
        ndarray [N, D]
            Reconstructions, in the units of X.
        """
        x, model = self._rows(X), self._density("reconstruct")
        found = prediction.over_rows(model, prediction.reconstruction, x, inference=self.objective_.inference)
        return self.preprocessing_.inverse(found)

    def impute(self, X: ArrayLike) -> np.ndarray | pd.DataFrame:
        """Return rows with each missing cell filled by its reconstruction from the cells that are there.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows, with NaN (of a DataFrame: or None) where a cell is missing.

        Returns
        -------
        ndarray [N, D] or DataFrame
            The rows without missing cells. Of a DataFrame a DataFrame with its columns and types, in which text is
            the most probable value of its column.
        """
        filled = self.reconstruct(X)
        if isinstance(X, pd.DataFrame):
            return data_frames.filled(X, filled, self.feature_names_in_.tolist(), vars(self).get("columns_"))
        x = np.asarray(check_table(self, X)[:])
        return np.where(np.isnan(x), filled, x)

    def analogies(self, X: ArrayLike, y: npt.ArrayLike | None = None) -> np.ndarray:
        """Return every row as each of the classes: z from the row and its class, then y swept.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.
        y : array-like [N], default=None
            The rows' classes; by default the predicted ones.

        Returns
        -------
        ndarray [N, K, D]
            Means of p(x | z, y), in the units of X.
        """
        x = np.asarray(self._rows(X))
        if not isinstance(self.model_, GenerativeClassifier):
            raise ValueError("analogies needs a generative model with classes: fit 'm2', 'm1_m2' or 'conditional_sbn'")
        own = labels.positions(self.predict(X) if y is None else y, self.classes_)
        one_hot = np.eye(len(self.classes_), dtype=np.float32)[own]
        rows = np.concatenate([x, one_hot], axis=1)
        settings = {"features": x.shape[1], "inference": self.objective_.inference}
        found = prediction.over_rows(self.model_, prediction.analogies, rows, chunk=64, **settings)
        flat = self.preprocessing_.inverse(found.reshape(-1, found.shape[-1]))
        return flat.reshape(*found.shape[:2], -1)

    def sample(
        self, n: int = 1, y: npt.ArrayLike | None = None, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray | pd.DataFrame:
        """Draw rows from the model.

        Parameters
        ----------
        n : int, default=1
            How many rows.
        y : class or array-like [n], default=None
            The class of all rows or of each; by default the classes come from p(y).
        random_state : int, RandomState or None, default=None
            Decides the draws; None: other ones at each call.

        Returns
        -------
        ndarray [n, D] or DataFrame
            Means of p(x | z, y), in the units of X. Of a classifier fitted on a DataFrame one with the columns that it
            learnt from: the most probable category, the nearest count, dates.
        """
        check_is_fitted(self)
        eager_guard.check()
        model, seed, n = self._density("sample"), fresh_seed(random_state), whole("n", n)
        if y is not None and np.ndim(y) and len(np.ravel(y)) != n:
            raise ValueError(f"y has {len(np.ravel(y))} classes for n={n} rows: give one, or one a row")
        index = None if y is None else labels.positions(np.broadcast_to(y, (n,)), self.classes_)
        found = prediction.draw(model, n, index, seed)
        rows, schema = self.preprocessing_.inverse(found), vars(self).get("columns_")
        return rows if schema is None else column_schema.decode(schema, rows)

    def _log_jacobian(self, X: ArrayLike) -> np.ndarray | float:
        """Return what makes a density of preprocessed rows one in the units of X, where there is such a number."""
        return self.preprocessing_.log_jacobian(check_table(self, X)) if self.preprocessing_.original_units else 0.0

    def _density(self, method: str) -> Model:
        """Return the model, which `method` needs to be a generative one."""
        if not isinstance(self.model_, HasDensity):
            raise ValueError(f"{method} needs a generative model: fit 'm1', 'm2' or any other than 'supervised'")
        return self.model_
