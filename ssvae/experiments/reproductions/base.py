"""The contract of a row of a paper's table, and the rows that train a density of a data set.

A row's state is stored in its folder, so that an interrupted command resumes, and a row that has been trained is only
measured.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np

from ssvae.atomic_files import write_text
from ssvae.experiments.folder_lock import FolderLock
from ssvae.settings.checks import Settings

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier
    from ssvae.training.callbacks import Callback

Progress = Callable[[int, int], None]
RowResult: TypeAlias = dict[str, float | str]  # numbers by name, and words that say what they depend on
Cost: TypeAlias = dict[str, float]  # seconds and CPU-seconds of training
COST = "cost.json"  # in a row's folder: what was trained, and the time that took


class Measurement(NamedTuple):
    """How a trained model is measured."""

    samples: int = 1000  # importance samples a row
    rows: int = 10_000  # at most, the first ones
    held_out: bool = False  # validation rows in place of test rows
    seed: int = 0


class TableRow(Protocol):
    """A row of a paper's table: what to train or to draw, and what to measure."""

    @property
    def paper(self) -> str:
        """What the paper has."""

    def shortened(self, epochs: int) -> TableRow:
        """Return the row trained for other epochs."""

    def run(
        self,
        name: str,
        folder: Path,
        measurement: Measurement,
        data_dir: str | None = None,
        progress: Progress | None = None,
    ) -> RowResult:
        """Train and measure the row; return its numbers, what they depend on and what they cost."""


class Row(NamedTuple):
    """A density of a data set: the classifier whose model is trained, and what is measured of it."""

    data: str  # name of a data set
    settings: Settings  # of the classifier
    measure: str  # in `measures.MEASURES`
    paper: str  # its numbers, in its words

    def shortened(self, epochs: int) -> Row:
        """Return the row trained for other epochs."""
        return self._replace(settings={**self.settings, "epochs": epochs})

    def run(
        self,
        name: str,
        folder: Path,
        measurement: Measurement,
        data_dir: str | None = None,
        progress: Progress | None = None,
    ) -> RowResult:
        """Train and measure the row; return its numbers, what they depend on and what they cost."""
        from ssvae.experiments.reproductions.measures import MEASURES

        x, x_held, x_test = data(self, data_dir)
        classifier, cost = train(self, folder, x, measurement.seed)
        rows = (x_held if measurement.held_out else x_test)[: measurement.rows]
        found = MEASURES[self.measure](classifier, rows, measurement.samples, progress)
        part = "validation rows" if measurement.held_out else "test rows"
        what: RowResult = {"row": name, "paper": self.paper, "epochs": self.settings["epochs"]}
        return {**what, **found, "measured": f"{len(rows)} {part}", **cost}


def data(row: Row, data_dir: str | None = None) -> tuple[np.ndarray, ...]:
    """Return the rows to learn from, the validation rows and the test rows; MNIST with all of its 60,000 rows."""
    from ssvae.datasets import DATASETS

    more = {"pool": 60_000} if row.data == "mnist" else {}
    found = DATASETS.get(row.data)(**more, **({"folder": data_dir} if data_dir else {}))
    return tuple(np.asarray(rows) for rows in (found.x, found.x_valid, found.x_test))


def train(
    row: Row, folder: Path, x: np.ndarray, seed: int, verbose: int = 1, callbacks: Sequence[Callback] = ()
) -> tuple[SSVAEClassifier, Cost]:
    """Return the row's classifier and what it cost, trained now or before; both are stored in its folder.

    CPU-seconds are left out where the training was interrupted: those of the earlier parts are not known.
    """
    with FolderLock(folder):
        return _trained(row, folder, x, seed, verbose, callbacks)


def _trained(
    row: Row, folder: Path, x: np.ndarray, seed: int, verbose: int, callbacks: Sequence[Callback]
) -> tuple[SSVAEClassifier, Cost]:
    """See `train`; no other process writes to the folder meanwhile."""
    import ssvae
    from ssvae.training.checkpoint import Checkpoint

    what = {"data": row.data, "settings": dict(row.settings), "seed": seed}
    kept = known_cost(folder, what)
    if kept is not None:
        return ssvae.load(folder / "model"), kept
    # The estimator needs two classes. A density does not see them, and the classifier on its latents is not used.
    y = np.full(len(x), -1)
    y[:2] = 0, 1
    settings = {**row.settings, "model": {**row.settings["model"], "classifier": {"name": "knn", "n_neighbors": 1}}}
    checkpoint = Checkpoint(folder, every=60.0)
    whole = not checkpoint.path.exists()
    classifier = ssvae.SSVAEClassifier(
        **settings, random_state=seed, callbacks=[checkpoint, *callbacks], verbose=verbose
    )
    begin = time.process_time()
    classifier.fit(x, y)
    cost: dict[str, float] = {"seconds": sum(classifier.history_["seconds"])}
    cost |= {"cpu_seconds": time.process_time() - begin} if whole else {}
    classifier.save(folder / "model", overwrite=True)
    keep_cost(folder, what, cost)
    return classifier, cost


def keep_cost(folder: Path, what: Mapping[str, object], cost: Mapping[str, float]) -> None:
    """Store what was trained, and the time that took."""
    write_text(folder / COST, json.dumps({**what, "cost": cost}))


def known_cost(folder: Path, what: Mapping[str, object]) -> Cost | None:
    """Return the cost of the row if it has been trained.

    Raises
    ------
    ValueError
        If the folder holds a row of other settings, or the file cannot be read.
    """
    path = folder / COST
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text("utf-8"))
        cost = dict(kept.pop("cost"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read ({error!r}): remove {folder} to train the row again") from error
    if kept != json.loads(json.dumps(what)):
        raise ValueError(f"{folder} holds a row trained with other settings or another seed: remove it, or give --runs")
    return cost
