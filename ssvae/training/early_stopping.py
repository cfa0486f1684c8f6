"""Early stopping by the bound of held-out rows, with q found as in use, not as in training.

References
----------
Iterative Refinement of Approximate Posterior for Training Directed Belief Networks (Hjelm et al., 2015): training ends
with the weights of the best bound of the validation rows, λ refined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ssvae import prediction
from ssvae.models.capabilities import HasDensity
from ssvae.readers.base import Rows, RowsInMemory
from ssvae.readers.sparse_table import SparseTable
from ssvae.settings.checks import whole
from ssvae.settings.ranges import check_early_stopping
from ssvae.training.callbacks import Callback, Verdict, View
from ssvae.types import ArrayLike

COLUMN = "held_out_bound"  # of the history


class BoundStopping(Callback):
    """Ends a stage when the bound of held-out rows no longer rises, with the weights that it was highest with.

    The bound is that outside training, so that methods that refine λ take their `test_steps`; draws are the same at
    every check. Before the warm start and the KL warm-up are over something else is maximised, and nothing is checked.
    Checks are kept in the history, where a resumed fit finds them; its checkpoint holds the best weights.

    The cosine schedule of the learning rate does not know of an earlier end: training then ends at a high rate. Take
    ``schedule="constant"``.

    Parameters
    ----------
    X : ndarray [N, D]
        Rows that are not learnt from, as the stage sees them: preprocessed.
    every : int
        Epochs from one check to the next; there is one after the last epoch, too.
    patience : int
        How many checks in a row without a higher bound end the stage.
    samples : int
        Draws of z (and of binary values, where grey levels are resampled) a row.
    stage : str, optional
        By default the first of the fit.

    Raises
    ------
    ValueError
        If a number is not as it must be; in the fit, if the stage has no bound, or rows of another width.

    Examples
    --------
    >>> import numpy as np
    >>> from ssvae import SSVAEClassifier
    >>> X, y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 2
    >>> stopping = BoundStopping(X[40:], every=1, patience=2)
    >>> fitted = SSVAEClassifier("m1", epochs=3, callbacks=[stopping], schedule="constant").fit(X[:40], y[:40])
    >>> len(fitted.history_["held_out_bound"])
    3
    """

    def __init__(
        self, X: ArrayLike, every: int = 5, patience: int = 5, samples: int = 1, stage: str | None = None
    ) -> None:
        for name, value in (("every", every), ("patience", patience), ("samples", samples)):
            whole(f"{name} of early stopping", value)
        self.x: RowsInMemory = X if isinstance(X, SparseTable) else np.asarray(X, np.float32)
        if self.x.ndim != 2 or not len(self.x):
            raise ValueError(f"early stopping needs rows [N, D] to measure the bound of, got {list(self.x.shape)}")
        self.every, self.patience, self.samples, self.stage = every, patience, samples, stage

    def watch(self, view: View) -> Verdict:
        """See `Callback.watch`."""
        first = (view.history.get("stage") or [view.stage])[0]
        if view.stage != (first if self.stage is None else self.stage):
            return Verdict()
        self._check_stage(view)
        checks = _checks(view)
        numbers, best = {}, False
        if self._due(view) and view.epoch not in checks:
            bound = self._bound(view)
            best = bound > max(checks.values(), default=-math.inf)
            numbers, checks[view.epoch] = {COLUMN: bound}, bound
        return Verdict(numbers, best, stop=self._checks_since_best(list(checks.values())) >= self.patience)

    def _due(self, view: View) -> bool:
        method = view.objective.inference
        begin = max(method.warm_up()[0], method.kl_warm_up) * view.epochs
        return view.epoch == view.epochs or (view.epoch > begin and view.epoch % self.every == 0)

    def _bound(self, view: View) -> float:
        """Return the mean bound of the rows, nats; not finite counts as the worst."""
        bounds = [
            prediction.over_rows(view.model, prediction.bound, self.x, seed=seed, objective=view.objective)
            for seed in range(self.samples)
        ]
        mean = float(np.mean(bounds, dtype=np.float64))
        return mean if math.isfinite(mean) else -math.inf

    def _checks_since_best(self, bounds: list[float]) -> int:
        """Return how many checks have passed since the best one."""
        return len(bounds) - 1 - int(np.argmax(bounds)) if bounds else 0

    def _check_stage(self, view: View) -> None:
        if not isinstance(view.model, HasDensity):
            raise ValueError(f"stage {view.stage!r} has no bound to stop by: leave early stopping out")
        if view.model.features != self.x.shape[1]:
            raise ValueError(
                f"early stopping holds rows of {self.x.shape[1]} columns, stage {view.stage!r} has rows of "
                f"{view.model.features}: give preprocessed rows of this stage, or the name of another as stage"
            )


def set_apart(
    settings: Mapping[str, Any], x: Rows, index: np.ndarray, seed: int
) -> tuple[np.ndarray, list[BoundStopping]]:
    """Return which of the preprocessed rows x [N, D] to learn from, and the callback that monitors the others' bound.

    Parameters
    ----------
    settings : Mapping
        Arguments of `BoundStopping` but for X, and ``validation_fraction``, the share of the unlabelled rows that are
        held out; 0.1 unless given.
    x : Rows [N, D]
    index : ndarray [N]
        Class index, -1 where there is no label.
    seed : int
        Decides which rows are held out.

    Raises
    ------
    ValueError
        If a setting is unknown or not as it must be, or no unlabelled row can be spared.
    """
    check_early_stopping(settings)
    options = {"validation_fraction": 0.1, **settings}
    share, free = options.pop("validation_fraction"), np.flatnonzero(index < 0)
    if len(free) < 2:
        raise ValueError(
            f"early_stopping needs at least 2 unlabelled rows, of {len(x)} rows there are {len(free)}: leave it out, "
            "or hand in rows of your own, callbacks=[ssvae.training.early_stopping.BoundStopping(X)]"
        )
    count = min(max(1, round(share * len(free))), len(free) - 1)
    held = np.sort(np.random.default_rng([seed, len(x)]).choice(free, count, replace=False))
    return np.setdiff1d(np.arange(len(x)), held), [BoundStopping(x[held], **options)]


def _checks(view: View) -> dict[int, float]:
    """Return the bounds of the stage's checks so far, by their epochs."""
    history = view.history
    columns = (history.get(name, []) for name in ("stage", "epoch", COLUMN))
    return {
        epoch: bound for stage, epoch, bound in zip(*columns, strict=False) if stage == view.stage and bound == bound
    }
