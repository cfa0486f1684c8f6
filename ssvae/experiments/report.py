"""Reports of a run: metrics.json, history.csv and the summary on the screen."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ssvae.atomic_files import write_text

if TYPE_CHECKING:
    from rich.console import Console


class RunMetrics(TypedDict, total=False):
    """What metrics.json holds; errors are percentages, bounds nats a row."""

    dataset: str
    model: object  # its name
    labels: int  # rows that keep their label
    seed: int
    test_error: float | None
    supervised_error: float | None  # of the supervised baseline on the test rows
    valid_error: float
    bound: float
    perplexity: float  # of words
    wordless: int  # documents without a word, which perplexity leaves out
    ece: float
    nll: float
    recall: dict[str, float]
    collapse: str  # what the fit warned of
    bits_per_dim: float
    cross_validation: dict[str, object]  # of plain classifiers, see `cross_validation.cross_validate`
    safe: dict[str, object]  # of the safe mode, see `SSVAEClassifier.safe_report_`
    seconds_fit: float
    seconds_total: float


# What the summary shows, in this order: key, label, format.
ROWS = (
    ("dataset", "data set", "{}"),
    ("model", "model", "{}"),
    ("labels", "labelled rows", "{}"),
    ("seed", "seed", "{}"),
    ("test_error", "error on test rows", "{:.2f} %"),
    ("supervised_error", "same, labelled rows alone", "{:.2f} %"),
    ("valid_error", "error on validation rows", "{:.2f} %"),
    ("ece", "calibration error (ECE)", "{:.2f} %"),
    ("collapse", "collapse", "{}"),
    ("bound", "bound of log p(x)", "{:.2f} nats a row"),
    ("bits_per_dim", "the same", "{:.3f} bits a dimension"),
    ("perplexity", "the same, perplexity", "{:.1f} a word"),
    ("seconds_fit", "time to fit", "{:.1f} s"),
    ("seconds_total", "time in all", "{:.1f} s"),
)


SHOWN_WEIGHT = 0.02  # members with less are in metrics.json alone
ENCODER = "encoder"  # the generative classifier among the members


def finite(value: object) -> object:
    """Return a value as JSON can hold it: NaN and infinity become None, NumPy's scalars Python's."""
    if isinstance(value, Mapping):
        return finite_items(value)
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def finite_items(numbers: Mapping[str, object]) -> dict[str, object]:
    """Return `finite` of every value."""
    return {str(key): finite(value) for key, value in numbers.items()}


def to_json(numbers: Mapping[str, object]) -> str:
    """Return numbers as JSON text, one key a line."""
    items = finite_items(numbers).items()
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in items]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_metrics(folder: Path, metrics: Mapping[str, object]) -> None:
    """Write metrics.json."""
    write_text(folder / "metrics.json", to_json(metrics))


def write_history(folder: Path, history: Mapping[str, Sequence[object]]) -> None:
    """Write history.csv: one line an epoch, an empty cell where a stage has no such number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(history)
    for row in zip(*history.values(), strict=True):
        writer.writerow(["" if finite(value) is None else value for value in row])
    write_text(folder / "history.csv", text.getvalue())


def show_skipped(console: Console | None, skipped: Mapping[str, str]) -> None:
    """Show which figures were skipped, and why."""
    if console is None:
        return
    for name, reason in skipped.items():
        console.print(f"no {name.replace('_', ' ')}: {reason}", markup=False, highlight=False)


def lines(numbers: Mapping[str, object]) -> str:
    """Return numbers as plain lines, one a key; a matrix takes a line for each of its rows."""
    shown = []
    for key, value in finite_items(numbers).items():
        if isinstance(value, dict):
            value = "  ".join(f"{name}: {_number(inner)}" for name, inner in value.items())
        elif isinstance(value, list):
            width = max(len(str(cell)) for row in value for cell in row)
            value = "".join("\n  " + " ".join(str(cell).rjust(width) for cell in row) for row in value)
        shown.append(f"{key}: {_number(value)}")
    return "\n".join(shown)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _of_safe_mode(found: Any) -> list[tuple[str, str]]:
    """Return the errors of the average and of its members on labelled rows that they did not learn from."""
    if "average" not in found:
        return []
    members = {name: one for name, one in found["members"].items() if one["weight"] >= SHOWN_WEIGHT}
    gain = found["gain_of_unlabelled"]
    lines = [("  without unlabelled rows", f"{_interval(found['without_unlabelled'])}{_more(gain)}")]
    for name, one in sorted(members.items(), key=lambda item: -item[1]["weight"]):
        words = "the model's q(y|x)" if name == ENCODER else name.replace("_", " ").replace("/", ": ")
        lines.append((f"  {words}", f"{_interval(one)}, weight {one['weight']:.2f}"))
    how = f"; {found['repeats']} x {found['folds']} folds of {found['rows']} labelled rows"
    if found.get("groups_split"):
        how += ", which part the rows of a group: expect more"
    return [("safe mode, the average", f"{_interval(found['average'])}{how}"), *lines]


def _interval(one: Mapping[str, float]) -> str:
    names = ("error_low", "error_high") if "error_low" in one else ("low", "high")
    return f"{one['error']:.1f} % ({one[names[0]]:.1f} to {one[names[1]]:.1f})"


def _more(gain: Mapping[str, float]) -> str:
    """Say by how much the error is above that with unlabelled rows."""
    return f", {gain['error']:+.1f} ± {gain['error_se']:.1f}"


def _of_cross_validation(found: Any) -> list[tuple[str, str]]:
    """Return the errors of plain classifiers on labelled rows that they did not learn from, line by line."""
    if not found:
        return []
    copies = f", of which {found['copies']} are copies of others" if found["copies"] else ""
    how = f"{found['repeats']} x {found['folds']} folds of {found['rows']} labelled rows{copies}"
    lines = [(f"  {name}", _interval(one)) for name, one in found["errors"].items()]
    return [("plain classifiers", f"error, and its interval of 95 %; {how}"), *lines]


def summary(metrics: Mapping[str, object], console: Console | None, title: str = "") -> None:
    """Show the metrics: a table on a terminal, plain lines elsewhere.

    Parameters
    ----------
    metrics : Mapping
        As in metrics.json.
    console : rich.console.Console, optional
        Where to write; None: nowhere.
    title : str
        Written above, such as the run's folder.
    """
    if console is None:
        return
    rows = [(words, form.format(metrics[key])) for key, words, form in ROWS if metrics.get(key) is not None]
    rows += _of_safe_mode(metrics.get("safe") or {})
    rows += _of_cross_validation(metrics.get("cross_validation") or {})
    if not console.is_terminal:
        width = max((len(words) for words, _ in rows), default=0)
        lines = [*([title] if title else []), *[f"{words:<{width}}  {value}" for words, value in rows]]
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, show_header=False, title_justify="left")
    for words, value in rows:
        table.add_row(words, Text(value, style="bold" if "error on test" in words else ""))
    console.print(table)
