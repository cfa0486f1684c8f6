"""What a run says before it trains, data, model and folder, and when it is done, the next command."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ssvae.estimator import auto
from ssvae.experiments.run_folder import LABELS
from ssvae.label_vector import known_labels
from ssvae.readers import column_schema
from ssvae.readers.base import RowSource, extremes
from ssvae.registry import slot_name
from ssvae.settings.checks import Settings
from ssvae.types import Dataset

if TYPE_CHECKING:
    from rich.console import Console

MOST_CLASSES = 20  # that are shown before training
# Names of classes that often mean none.
NO_LABEL = (
    "?",
    "-",
    "--",
    ".",
    "na",
    "n/a",
    "#n/a",
    "nan",
    "none",
    "null",
    "nil",
    "unknown",
    "unlabeled",
    "unlabelled",
    "missing",
)


def show_inputs(console: Console | None, config: Settings, dataset: Dataset, y: np.ndarray, folder: Path) -> None:
    """Show what is about to be learnt from, and where the run goes.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to write; None: nowhere.
    config : dict
        Resolved settings.
    dataset : Dataset
    y : ndarray [N]
        The labels that are learnt from.
    folder : Path
        Of the run.
    """
    if console is None:
        return
    lines = [*_about_data(dataset, y, config["classifier"]["unlabeled"]), _about_model(config, dataset)]
    console.print("\n".join([*lines, f"run folder: {folder}"]), markup=False, highlight=False, soft_wrap=True)


def _columns(dataset: Dataset) -> list[str]:
    """Say how many columns are of which kind and how many cells are missing; which columns are set aside, and why."""
    width = dataset.x.shape[1]
    schema = None if dataset.columns is None else column_schema.from_json(dataset.columns)
    kinds = None if schema is None else column_schema.counts(schema)
    columns = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) if kinds else f"{width} of numbers"
    features = f"; {width} features" if kinds and sum(kinds.values()) != width else ""
    missing = column_schema.missing(schema, dataset.x) if isinstance(dataset.x, np.ndarray) else np.zeros(1)
    gaps = f"; {missing.sum():.0f} cells are missing, in {np.count_nonzero(missing)} columns" if missing.any() else ""
    return [f"columns: {columns}{features}{gaps}", *(column_schema.said(schema) if schema else [])]


def _about_model(config: Settings, dataset: Dataset) -> str:
    """Return the model and the likelihood; of one that the data chose, what of the data did."""
    classifier, kinds = config["classifier"], config["dataset"].get("columns")
    slot, why = classifier["likelihood"], ""
    if auto.is_auto(slot) and not isinstance(dataset.x, RowSource):  # of rows on disk, that would be another pass
        values = extremes(dataset.x)
        slot = auto.likelihood(dataset.x, values, dataset.feature_names, slot, classifier["preprocessing"], kinds)
        why = f" ({_of_columns(slot) or f'values from {values[0]:.4g} to {values[1]:.4g}'})"
    return f"model: {slot_name(classifier['model'])}; likelihood: {slot_name(slot)}{why}"


def _of_columns(slot: object) -> str:
    """Say of how many columns each likelihood is; of one likelihood for all, nothing."""
    if not isinstance(slot, Mapping):
        return ""
    counts = Counter(map(str, slot["columns"]))
    return ", ".join(f"{count} columns {kind}" for kind, count in counts.items())


def _about_data(dataset: Dataset, y: np.ndarray, unlabeled: object) -> list[str]:
    """Return rows, columns by kind, classes with counts, and rows without a label, as lines."""
    labels, known = known_labels(y, unlabeled)
    classes, counts = (part.tolist() for part in np.unique(labels, return_counts=True))
    shown = [f"{name} ({count})" for name, count in zip(classes, counts, strict=True)]
    more = f", and {len(shown) - MOST_CLASSES} more" if len(shown) > MOST_CLASSES else ""
    held = [
        f"{len(rows)} {what}"
        for rows, what in ((dataset.x_test, "to test"), (dataset.x_valid, "to validate"))
        if rows is not None
    ]
    lines = [
        f"{dataset.name}: {len(y)} rows to learn from; held out: {', '.join(held) or 'none'}",
        *_columns(dataset),
        f"classes: {', '.join(shown[:MOST_CLASSES])}{more}",
        f"labelled rows: {int(known.sum())}, unlabelled: {int((~known).sum())}",
    ]
    doubtful = [name for name in classes if str(name).lower() in NO_LABEL]
    advice = [f"if {name!r} means that a row has no label, say --no-label {shlex.quote(name)}" for name in doubtful]
    return [*lines, *advice]


def show_next(console: Console | None, config: Settings, folder: Path, labels: bool = False) -> None:
    """Show where the labels of a finished run are, if there are any, and the command that classifies further rows."""
    if console is not None:
        if labels:
            line = f"labels of the rows without one: {folder / LABELS}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        data = config["dataset"].get("data")
        rows = f"NEW{Path(data).suffix}" if data else "NEW.npz"
        line = f"next: ssvae predict {shlex.quote(str(folder))} {rows} -o predictions.csv"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
