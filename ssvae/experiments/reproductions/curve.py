"""Learning curves of log p(x) by quadrature against samples seen, stored in a file as they grow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ssvae.atomic_files import write_text
from ssvae.training.callbacks import Callback, Verdict, View

if TYPE_CHECKING:
    from ssvae.models.capabilities import HasDensity


class Curve(Callback):
    """Mean log p of several sets of rows; a callback of fits, elsewhere called with model and step.

    Parameters
    ----------
    path : Path
        The file.
    marks : dict of int
        Epochs or steps after which to measure -> samples seen by then.
    rows : sequence of ndarray [rows, D]
    points : int
        Of the quadrature along each latent.

    Raises
    ------
    ValueError
        If the file cannot be read, or is of other rows.
    """

    def __init__(self, path: Path, marks: Mapping[int, int], rows: tuple[np.ndarray, ...], points: int) -> None:
        self.path, self.marks, self.rows, self.points = path, marks, rows, points
        self.what = [points, *([*part.shape, float(part.sum())] for part in rows)]
        self.found = self._kept() if path.exists() else {}

    def _kept(self) -> dict[int, list[float]]:
        remedy = f"remove {self.path.parent} to learn it again, or give --runs"
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            what, found = kept["what"], {int(seen): [float(v) for v in values] for seen, values in kept["found"]}
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"{self.path} cannot be read ({error!r}): {remedy}") from error
        if what != self.what:
            raise ValueError(f"{self.path} was measured on other rows: {remedy}")
        return found

    def __call__(self, model: HasDensity, done: int) -> None:
        """Measure the model after `done` epochs or steps, if that is a mark that was not measured yet."""
        seen = self.marks.get(done)
        if seen is None or seen in self.found:
            return
        self.found[seen] = [float(log_p(model, rows, self.points).mean()) for rows in self.rows]
        write_text(self.path, json.dumps({"what": self.what, "found": sorted(self.found.items())}))

    def watch(self, view: View) -> Verdict:
        """See `Callback.watch`."""
        self(cast("HasDensity", view.model), view.epoch)
        return Verdict()

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Return samples seen [marks] and mean log p [marks, sets].

        Raises
        ------
        ValueError
            If a mark was passed without being measured.
        """
        missing = sorted(set(self.marks.values()) - set(self.found))
        if missing:
            raise ValueError(
                f"{self.path} has nothing at {missing} samples: remove {self.path.parent} to learn it again"
            )
        seen = np.array(sorted(self.marks.values()))
        return seen, np.array([self.found[samples] for samples in seen])


def log_p(model: HasDensity, rows: np.ndarray, points: int) -> np.ndarray:
    """Return log p(x) of a model without classes by quadrature, [rows], nats."""
    from ssvae.bayes_nets.grid_quadrature import log_marginal
    from ssvae.bayes_nets.of_model import of_model

    return log_marginal(of_model(model), {"x": rows}, points)


def doublings(last: int) -> list[int]:
    """Return 1, 2, 4, … and `last`.

    >>> doublings(12)
    [1, 2, 4, 8, 12]
    """
    return sorted({2**n for n in range(last.bit_length())} | {last})
