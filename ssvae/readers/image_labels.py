"""Labels of the images of a folder, from a table of files' names and labels."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from ssvae.readers.errors import DataError
from ssvae.readers.tables import read_frame
from ssvae.registry import unknown

SHOWN = 5  # names in a message


def file_labels(table: Path, folder: Path, images: Sequence[Path], target: str | None = None) -> np.ndarray:
    """Return the label of each image as it is written, [N], None where the table has no line for it.

    Parameters
    ----------
    table : Path
        A .csv, .tsv or .parquet file of two columns or more.
    folder : Path
        Of the images; files are named as they are below it, or by their last part where only one is called so.
    images : sequence of Path
    target : str, optional
        The column of labels; by default the second one, or the only other one. The first other one has the names.

    Raises
    ------
    DataError
        If the columns are not there, no line names an image, or lines give one image different labels.
    """
    names, labels = _columns(table, target)
    below = {image.relative_to(folder).as_posix(): at for at, image in enumerate(images)}
    alone = Counter(image.name for image in images)
    places = below | {image.name: at for at, image in enumerate(images) if alone[image.name] == 1}
    found, lost = np.full(len(images), None, object), []
    for name, label in zip(names, labels, strict=True):
        at = places.get(PurePath(name).as_posix())
        if at is None:
            lost.append(name)
        elif found[at] not in (None, label):
            raise DataError(f"{table} gives {name!r} two labels, {found[at]!r} and {label!r}: leave one")
        else:
            found[at] = label
    shown = f"{', '.join(map(repr, lost[:SHOWN]))}{' and more' if len(lost) > SHOWN else ''}"
    if len(lost) == len(names):
        raise DataError(f"{table}: none of its {len(lost)} files is in {folder}, such as {shown}")
    if lost:
        warnings.warn(f"{table}: {len(lost)} of its lines name no file in {folder}: {shown}", stacklevel=3)
    return found


def _columns(table: Path, target: str | None) -> tuple[list[str], list[str | None]]:
    """Return the names of files and the labels of a table, line by line; None where a label is empty."""
    frame = read_frame(table, target=target)
    columns = list(frame.columns)
    if target is not None and target not in columns:
        raise DataError(f"{table}: {unknown('target column', target, columns)}")
    if len(columns) < 2:
        raise DataError(f"{table} has the column {columns[0]!r} alone: files' names and labels are needed")
    label = target or columns[1]
    files = next(column for column in columns if column != label)
    frame = read_frame(table, text=[files, label], target=label)
    labels = [None if cell != cell or cell is None else str(cell) for cell in frame[label]]
    return [str(name) for name in frame[files]], labels
