"""Files made from a finished run: predictions for new rows, and samples of its model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ssvae.atomic_files import write_text
from ssvae.experiments.run_folder import Run, check_columns
from ssvae.readers.base import Rows
from ssvae.readers.label_columns import quoted

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
    options = {key: value for key, value in run.config["dataset"].items() if key in AS_AT_FIT}
    x = read_features(file, tuple(names) if names else None, image_shape=tuple(shape) if shape else None, **options)
    check_columns(run, x, file)
    return x


def table(run: Run, x: Rows, via: Literal["encoder", "bayes", "bayes_at_mean"] = "encoder") -> str:
    """Return predictions for rows as CSV text.

    Parameters
    ----------
    run : Run
    x : Rows [N, D]
        As `read_rows` returns them.
    via : "encoder", "bayes" or "bayes_at_mean"
        See `SSVAEClassifier.predict_proba`.

    Returns
    -------
    str
        Columns ``row`` (counted from 0), ``prediction``, ``confidence`` and ``proba_<class>`` for every class.
    """
    probabilities = run.classifier.predict_proba(x, via=via)
    classes = run.classifier.classes_
    header = ["row", "prediction", "confidence", *[f"proba_{name}" for name in classes]]
    rows = [
        [n, classes[p.argmax()], f"{p.max():.6g}", *[f"{share:.6g}" for share in p]]
        for n, p in enumerate(probabilities)
    ]
    return _csv(header, rows)


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
        names = run.form["feature_names"] or [f"x{n}" for n in range(drawn.shape[1])]
        lines = [[*[f"{value:.6g}" for value in row], label] for row, label in zip(drawn, y, strict=True)]
        write_text(out, _csv([*names, run.config["dataset"].get("target") or "class"], lines))
        return
    from ssvae.plots import primitives, run_figures

    run_figures.save(primitives.image_grid(drawn.reshape(rows, len(classes), *shape), classes), out)


def _csv(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """Return what stands in a cell: text so that no spreadsheet runs it, which our readers undo."""
    return quoted(value) if isinstance(value, str) else value
