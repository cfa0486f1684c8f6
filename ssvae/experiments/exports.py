"""Files made from a run: predictions for new rows, labels of the rows that had none, and samples of its model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd

from ssvae.atomic_files import write_text
from ssvae.experiments.run_folder import Run, check_columns
from ssvae.label_vector import has_label
from ssvae.readers import column_schema, own_tables
from ssvae.readers.base import Rows, take_rows
from ssvae.readers.image_folder import list_images
from ssvae.readers.label_columns import quoted
from ssvae.readers.written_cells import written_cells
from ssvae.types import Dataset

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier

ROWS = 2**16  # classified at a time
TABLES = (".csv", ".tsv", ".parquet")
AS_AT_FIT = ("target", "stream", "external", "decimal")  # how the file that was fitted on was read


def read_rows(run: Run, file: str | Path) -> Rows:
    """Return the rows of a file, in the format that a run was trained on.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or in another format.
    """
    from ssvae.readers.read import read_features

    names, shape = run.form["feature_names"], run.form["image_shape"]
    columns = run.form.get("columns")
    options = {key: value for key, value in run.config["dataset"].items() if key in AS_AT_FIT}
    x = read_features(
        file, tuple(names) if names else None, image_shape=tuple(shape) if shape else None, columns=columns, **options
    )
    check_columns(run, x, file)
    return x


class Beside(NamedTuple):
    """What stands before the answers in a table of predictions: what the rows are, cell by cell."""

    header: list[str]
    rows: list[list[str]]  # [N]


def rows_beside(run: Run, file: str | Path, bare: bool = False) -> Beside | None:
    """Return what a file says of its rows: the cells of a table as they are written, the files' names of images.

    Returns
    -------
    Beside or None
        None where rows have nothing but their number, or with `bare`.
    """
    path = Path(file)
    if bare:
        return None
    if path.is_dir():
        return Beside(["file"], [[quoted(str(image.relative_to(path)))] for image in list_images(path)])
    if path.suffix.lower() in TABLES:
        header, rows = written_cells(path, _columns(run))
        return Beside(_kept(header), [_kept(row) for row in rows])
    return None


def _kept(cells: list[str]) -> list[str]:
    """Return cells as they are written, so that no spreadsheet runs them; those that have a quote have it already."""
    return [cell if cell.startswith("'") else quoted(cell) for cell in cells]


def table(
    run: Run,
    x: Rows,
    via: Literal["auto", "average", "encoder", "bayes", "bayes_at_mean"] = "auto",
    beside: Beside | None = None,
) -> str:
    """Return predictions for rows as CSV text.

    Parameters
    ----------
    run : Run
    x : Rows [N, D]
        As `read_rows` returns them.
    via : "auto", "average", "encoder", "bayes" or "bayes_at_mean"
        See `SSVAEClassifier.predict_proba`.
    beside : Beside, optional
        What stands before the answers; by default the number of the row.

    Returns
    -------
    str
        Columns ``row`` (counted from 0) or those of `beside`, then ``prediction``, ``confidence`` and
        ``proba_<class>`` for every class; these have "ssvae_" in front where `beside` has a column of such a name.
    """
    probabilities = run.classifier.predict_proba(x, via=via)
    answers = _answers(run.classifier.classes_, probabilities)
    names = _answer_names(run.classifier.classes_)
    if beside is None:
        return _csv(["row", *names], ([row, *cells] for row, cells in enumerate(answers)))
    if len(beside.rows) != len(x):
        raise ValueError(f"the file has {len(beside.rows)} rows as text and {len(x)} as numbers: say --bare")
    if {*names} & {*beside.header}:
        names = [f"ssvae_{name}" for name in names]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*beside.header, *map(_cell, names)])
    writer.writerows([*own, *map(_cell, cells)] for own, cells in zip(beside.rows, answers, strict=True))
    return text.getvalue()


def write_labels(classifier: SSVAEClassifier, dataset: Dataset, rows: np.ndarray, path: Path) -> None:
    """Write the predicted labels of some rows of a user's own data.

    Parameters
    ----------
    classifier : SSVAEClassifier
        Fitted.
    dataset : Dataset
        With `row_keys`, which become the first columns.
    rows : ndarray [n]
        Numbers of rows of `dataset.x`.
    path : Path
        The .csv file; after the keys it has the columns of `table`.
    """
    keys, classes = dataset.row_keys or {"row": np.arange(len(dataset.y))}, classifier.classes_
    lines: list[list[object]] = []
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        found = _answers(classes, classifier.predict_proba(take_rows(dataset.x, some)))
        lines += ([*(key[row] for key in keys.values()), *cells] for row, cells in zip(some, found, strict=True))
    names = [name if name not in keys else f"ssvae_{name}" for name in _answer_names(classes)]
    write_text(path, _csv([*keys, *names], lines))


def unlabelled_rows(dataset: Dataset, y: np.ndarray, unlabeled: object) -> np.ndarray:
    """Return the numbers of the rows of a user's own data that fit sees no label of; none of a named data set."""
    return np.flatnonzero(~has_label(y, unlabeled)) if dataset.row_keys is not None else np.empty(0, np.int64)


def _columns(run: Run) -> set[str]:
    """Return names of columns that a file of rows for a run may have."""
    names = run.form["feature_names"] or ()
    return {name[:at] for name in names for at, letter in enumerate(name) if letter == "="} | {*names}


def _answer_names(classes: np.ndarray) -> list[str]:
    return ["prediction", "confidence", *[f"proba_{name}" for name in classes]]


def _answers(classes: np.ndarray, probabilities: np.ndarray) -> list[list[object]]:
    """Return the most probable class, its probability and that of every class, a list for each row."""
    return [[classes[p.argmax()], f"{p.max():.6g}", *[f"{share:.6g}" for share in p]] for p in probabilities]


def check_samples_file(run: Run, out: Path) -> None:
    """Check that samples of a run can be written to a file of this name.

    Raises
    ------
    ValueError
        If its suffix is another than .png and .csv, or it is a picture of rows that are no images.
    """
    if out.suffix not in (".png", ".csv"):
        raise ValueError(f"{out} ends in {out.suffix!r}; samples are written as .png or .csv")
    if out.suffix == ".png" and run.form["image_shape"] is None:
        raise ValueError(f"the rows of this run are not images; write a table instead: -o {out.with_suffix('.csv')}")


def write_samples(run: Run, rows: int, out: str | Path, seed: int = 0) -> None:
    """Write samples of every class, `rows` of each: a grid (.png) or a table (.csv).

    Raises
    ------
    ValueError
        As `check_samples_file`, or if the model cannot sample.
    """
    out = Path(out)
    check_samples_file(run, out)
    shape, classes = run.form["image_shape"], list(run.classifier.classes_)
    y = np.array(classes * rows)
    drawn = np.asarray(run.classifier.sample(len(y), y, random_state=seed))
    if out.suffix == ".csv":
        names, cells = _as_columns(run, drawn)
        lines = [[*row, label] for row, label in zip(cells, y, strict=True)]
        write_text(out, _csv([*names, run.config["dataset"].get("target") or "class"], lines))
        return
    from ssvae.plots import primitives, run_figures

    run_figures.save(primitives.image_grid(drawn.reshape(rows, len(classes), *shape), classes), out)


def impute(run: Run, file: str | Path) -> tuple[str, int]:
    """Return a table as CSV text with its missing cells filled in by the model, and how many they were.

    All other cells, and columns that the model was not fitted on, are as they are written in the file.

    Raises
    ------
    ValueError
        If the run was not fitted on a table, the file does not match it, or the model does not generate x.
    """
    path, kept = Path(file), run.form.get("columns")
    if kept is None or path.suffix.lower() not in TABLES:
        raise ValueError(f"missing cells are filled in of tables {list(TABLES)}, for a run of such a table, not {path}")
    schema = column_schema.from_json(kept)
    frame = own_tables.columns_of(path, schema, **_decimal(run))
    header, written = written_cells(path, _columns(run))
    header, rows = _kept(header), [_kept(row) for row in written]
    x = np.asarray(read_rows(run, path))
    found, filled = column_schema.decode(schema, run.classifier.reconstruct(x)), 0
    for name in found.columns:
        at, cells = list(frame.columns).index(name), found[name].map(_shown)
        for row in np.flatnonzero(frame[name].isna()):
            rows[row][at] = quoted(cells[row])
            filled += 1
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue(), filled


def _decimal(run: Run) -> dict[str, str]:
    """Return what stands before the fraction of numbers, if the run says so."""
    return {key: value for key, value in run.config["dataset"].items() if key == "decimal"}


def _as_columns(run: Run, x: np.ndarray) -> tuple[list[str], list[list[str]]]:
    """Return the names of columns and the cells of rows [N, D] of features, categories and dates as they were."""
    kept = run.form.get("columns")
    if kept is None:
        names = run.form["feature_names"] or [f"x{n}" for n in range(x.shape[1])]
        return names, [[f"{value:.6g}" for value in row] for row in x]
    found = column_schema.decode(column_schema.from_json(kept), x)
    return list(found.columns), [[_shown(cell) for cell in row] for row in found.itertuples(index=False)]


def _shown(cell: object) -> str:
    """Return a cell as text: numbers with six digits, dates as days or to the second."""
    if isinstance(cell, pd.Timestamp):
        day = cell.round("s").isoformat(" ")
        return day.removesuffix(" 00:00:00")
    return f"{cell:.6g}" if isinstance(cell, float | np.floating) else str(cell)


def _csv(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """Return what stands in a cell: text so that no spreadsheet runs it, which our readers undo."""
    return quoted(value) if isinstance(value, str) else value
