"""A user's own file or folder as a `Dataset`, with labels, validation rows and test rows, or as rows to predict.

Files that are read as a whole are read here, by `arrays`, `tables` and `image_folder`; those whose rows can stay on
disk are opened by `open`, whether or not they then stay there. A data set by its name is `ssvae.datasets.load`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ssvae.label_vector import has_label
from ssvae.readers import READERS, column_schema, own_tables
from ssvae.readers.arrays import as_features, read_arrays, read_dataset
from ssvae.readers.base import Rows, RowsInMemory, RowSource, take_rows
from ssvae.readers.errors import DataError, check_lengths
from ssvae.readers.image_folder import list_classes, list_images, read_images
from ssvae.readers.image_labels import file_labels
from ssvae.readers.label_columns import as_labels
from ssvae.readers.open import open_path
from ssvae.readers.parquet import column_names
from ssvae.readers.precision import exact
from ssvae.readers.sparse_table import SparseTable, stored_values
from ssvae.readers.tables import encode_file, read_frame, say_left_out, without_index
from ssvae.splits import holdout
from ssvae.types import Dataset

IN_MEMORY = (".npz", ".csv", ".tsv", ".parquet")
FORMS = [*dict.fromkeys((*IN_MEMORY, *READERS.names())), "a folder of images"]
MOST_TEST = 2**30  # bytes of test rows, which stay in memory


def read_table(
    path: str | Path,
    target: str | None = None,
    unlabeled: object = -1,
    test: float | str = 0.0,
    seed: int = 0,
    stream: bool = False,
    external: bool = False,
    no_label: Sequence[str] = (),
    decimal: str = ".",
    unlabelled_file: str | None = None,
    labels_file: str | None = None,
    columns: Mapping[str, object] | None = None,
    drop: Sequence[str] = (),
    id_columns: Sequence[str] = (),
    group: str | None = None,
    set_aside: bool = True,
) -> Dataset:
    """Return a file's rows as a data set.

    - ``.npz``: arrays x ([N, D], or images [N, H, W] or [N, H, W, C]: bytes are divided by 255) and y; x_valid,
      y_valid, x_test and y_test if they are there.
    - ``.csv``, ``.tsv``, ``.parquet``: numeric columns as they are, true/false as 1/0, dates as days since the first,
      and text columns one-hot: one 0/1 feature ``column=value`` for each value. Columns that name rows, hold one value,
      repeat another or are running text are set aside (`readers.column_schema`). The target column of a text file is
      text but for whole numbers, each as Python writes it; an empty cell is a row without a label. Columns are
      separated by ",", ";", tab or "|".
    - ``.npy``: x, with the labels in another .npy file, the target; ``.h5``, ``.hdf5``: datasets x and y, or the one
      that is the target; ``.tfrecord``: features x and y, or the target, of every record.
    - a folder: one sub-folder of .png or .jpg files per class, of one size; those in ``unlabeled`` have no label.

    Parameters
    ----------
    path : path
        The file or folder.
    target : str, optional
        The table's column of labels; without it (or without y in a file of arrays) no row has a label.
    unlabeled : object, default=-1
        The label of rows that have none.
    test : int, float or str, default=0.0
        Test rows, if the file has none: the share (float) or number (int) of labelled rows to hold out, in proportion
        to the classes, 0 for none; or another table of the same columns, whose rows with a label they are.
    seed : int, default=0
        Decides which rows are held out.
    stream : bool, default=False
        Whether the rows stay on disk, but for those held out; not for .csv, .tsv and folders, and for .npz files only
        those of scipy.sparse.save_npz.
    external : bool, default=False
        Whether an HDF5 file may take its rows from other files that it points to; bytes of any file then come in.
    no_label : sequence of str, default=()
        Labels that mean that a row has none, such as "?".
    decimal : str, default="."
        What stands before the fraction of numbers in a .csv or .tsv file.
    unlabelled_file : str, optional
        A second .csv, .tsv or .parquet file, of rows without a label: its columns are those of the first by name, and
        need not hold the target.
    labels_file : str, optional
        A .csv, .tsv or .parquet file of the labels of a folder of images, which then needs no sub-folders: a column of
        files' names, as they are below the folder, and the one that is the target, or a second one.
    columns : mapping, optional
        Kinds of columns of a .csv, .tsv or .parquet file, by name, in place of those that are found: "real",
        "positive", "count", "binary", "categorical", "ordinal", "date", "text", "id" or "drop"; a list of values is
        their rising order. See `readers.column_schema`.
    drop : sequence of str, default=()
        Columns to leave out.
    id_columns : sequence of str, default=()
        Columns that tell the rows apart: not learnt from, and beside the labels that are written.
    group : str, optional
        A column of which rows of one value stay together when rows are held out: a patient, a site. It is not learnt
        from.
    set_aside : bool, default=True
        Whether columns that name rows, hold one value, repeat another or are running text are set aside.

    Raises
    ------
    DataError
        If the file is missing, empty, truncated or of another form; the message names the row and column.
    """
    path = _existing(path)
    _check_further_files(path, stream, unlabelled_file, labels_file, _kinds(columns, drop, id_columns, group))
    if _stays_on_disk(path, stream):
        data = _from_source(path, target, stream, external, unlabeled, no_label)
    elif path.is_dir():
        data = _from_folder(path, target, unlabeled, no_label, labels_file)
    elif path.suffix.lower() == ".npz":
        data = read_dataset(path, unlabeled, no_label)
    else:
        kinds = _kinds(columns, drop, id_columns, group)
        data = own_tables.read_own_table(path, target, decimal, unlabeled, no_label, unlabelled_file, kinds, set_aside)
    if data.row_keys is None:
        data = data._replace(row_keys={"row": np.arange(len(data.y))})
    if isinstance(test, str):
        return _with_test_file(data, _existing(test), target, decimal, unlabeled, no_label)
    return data if data.x_test is not None else _hold_out(data, test, seed, unlabeled, group)


def read_features(
    path: str | Path,
    feature_names: Sequence[str] | None = None,
    target: str | None = None,
    image_shape: tuple[int, ...] | None = None,
    stream: bool = False,
    external: bool = False,
    decimal: str = ".",
    columns: Sequence[Mapping[str, object]] | None = None,
) -> Rows:
    """Return the rows to predict, [N, D] or a source of them, encoded as they were at fit.

    Parameters
    ----------
    path : path
        A file of the forms that `read_table` reads, or a folder with images in it or in its sub-folders.
    feature_names : sequence of str, optional
        `Dataset.feature_names` of the table that was fitted on. A text value that was not there is 0 in all of its
        column's features; other columns are left out, and all but `target` are named in a warning. Without it, a
        table is encoded by its own values.
    target : str, optional
        A column to leave out if it is there.
    image_shape : tuple of int, optional
        `Dataset.image_shape` of the images that were fitted on.
    stream, external : bool, default=False
        See `read_table`.
    decimal : str, default="."
        See `read_table`.
    columns : sequence of mapping, optional
        `Dataset.columns` of the table that was fitted on: what its columns hold, which is checked.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another form, or lacks a column.
    """
    path = _existing(path)
    if _stays_on_disk(path, stream):
        if feature_names is not None and path.suffix.lower() == ".parquet":
            say_left_out(column_names(path), feature_names, path, target)
        return _source(path, feature_names if feature_names is not None else target, external)
    if path.is_dir():
        return read_images(list_images(path), image_shape)[0]
    if path.suffix.lower() == ".npz":
        x = read_arrays(path, ["x"])["x"]
        if x.dtype == np.uint8 and (x.ndim > 2) != (image_shape is not None):
            fitted = "no images" if image_shape is None else f"images {list(image_shape)}"
            raise DataError(
                f"{path}: x is {list(x.shape)} of bytes, and fit saw {fitted}: bytes of images are divided by 255, and "
                "others are not; give x the shape of fit"
            )
        return as_features(x, path)[0]
    if columns is not None:
        return own_tables.encode_file(path, column_schema.from_json(columns), target, decimal)
    if feature_names is not None:
        return encode_file(path, feature_names, decimal, target)
    frame = read_frame(path, decimal=decimal).drop(columns=[target] if target else [], errors="ignore")
    frame = without_index(frame, path)
    return column_schema.encode(column_schema.learn(frame, path, set_aside=False), frame, path)


def _existing(path: str | Path) -> Path:
    """Return the path; refuse one that is not there, is empty or is of a form that is not read."""
    path = Path(path)
    if path.is_dir():
        return path
    if not path.is_file():
        raise DataError(f"there is no file or folder {str(path)!r}")
    if path.suffix.lower() not in FORMS:
        raise DataError(f"{path} ends in {path.suffix!r}; read are {FORMS}")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes)")
    return path


def _stays_on_disk(path: Path, stream: bool) -> bool:
    """Say whether `open_path` opens it: because it was asked for, or because nothing else reads such files."""
    return stream or (path.suffix.lower() not in IN_MEMORY and not path.is_dir())


def _source(path: Path, target: str | Sequence[str] | None, external: bool) -> RowSource:
    """Return the rows of a file, which stay on disk; `target`: see `open_path`."""
    if path.suffix.lower() not in READERS.names():
        raise DataError(
            f"the rows of {path} cannot stay on disk, those of {READERS.names()} files can: leave stream out"
        )
    return open_path(path, target, external and path.suffix.lower() in (".h5", ".hdf5"))


def _from_source(
    path: Path, target: str | None, stream: bool, external: bool, unlabeled: object, no_label: Sequence[str]
) -> Dataset:
    """Return the rows of a file that could stay there."""
    source = _source(path, target, external)
    _refuse_infinite(source)  # before rows are held out, which are seen after training, and others get new numbers
    y = source.labels(target)
    y = np.full(len(source), np.nan) if y is None else np.ravel(y)
    y = as_labels(y, f"{path}, labels", unlabeled, no_label)
    check_lengths(path, source, y)
    x = source if stream else _in_memory(source)
    return Dataset(path.stem, x, y, image_shape=source.image_shape, feature_names=source.feature_names)


def _in_memory(source: RowSource) -> RowsInMemory:
    """Return all rows, as float32 where it holds them."""
    rows = source[:]
    return rows if isinstance(rows, SparseTable) else exact(rows)


def _refuse_infinite(source: RowSource) -> None:
    """Raise at the first value that is infinite in float32, with its place in the file."""
    for begin, rows in source.chunks():
        if np.isinf(stored_values(rows).astype(np.float32, copy=False)).any():
            dense = np.asarray(rows, np.float32)
            row, column = np.argwhere(np.isinf(dense))[0]
            where = f"row {begin + row}, column {column}"
            raise DataError(f"{source.name}: x is {dense[row, column]} at {where}; finite numbers are needed")


def _from_folder(
    path: Path, target: str | None, unlabeled: object, no_label: Sequence[str], labels_file: str | None
) -> Dataset:
    """Return the images of a folder, with labels by sub-folder or from a file."""
    if labels_file is None:
        paths, names = list_classes(path)
    else:
        paths = list_images(path)
        names = file_labels(Path(labels_file), path, paths, target)
    x, shape = read_images(paths)
    y = as_labels(names, labels_file or path, unlabeled, no_label, written=labels_file is not None)
    files = np.array([str(image.relative_to(path)) for image in paths], object)
    return Dataset(path.name, x, y, image_shape=shape, row_keys={"file": files})


def _kinds(
    columns: Mapping[str, object] | None, drop: Sequence[str], id_columns: Sequence[str], group: str | None
) -> dict[str, object]:
    """Return the kinds of columns that a user gave."""
    apart = [*id_columns, *([group] if group else [])]
    return {**(columns or {}), **dict.fromkeys(apart, "id"), **dict.fromkeys(drop, "drop")}


def _check_further_files(
    path: Path, stream: bool, unlabelled_file: str | None, labels_file: str | None, given: Mapping[str, object]
) -> None:
    """Refuse further files and kinds of columns beside data that take none, and files that are not there."""
    tables = path.suffix.lower() in own_tables.FORMS and not stream and not path.is_dir()
    if unlabelled_file is not None and not tables:
        raise DataError(
            f"unlabelled_file is for tables that are read as a whole ({list(own_tables.FORMS)}), not for {path}: mark "
            "rows without a label by an empty label or -1; images without one go to the sub-folder 'unlabeled'"
        )
    if given and not tables:
        raise DataError(f"columns, drop and id_columns are for tables that are read as a whole, not for {path}")
    if labels_file is not None and not path.is_dir():
        raise DataError(f"labels_file is for a folder of images, and {path} is a file: its labels are its target")
    for further in (unlabelled_file, labels_file):
        if further is not None and _existing(further).suffix.lower() not in own_tables.FORMS:
            raise DataError(f"{further} is no table: {list(own_tables.FORMS)} are read")


def _with_test_file(
    data: Dataset, path: Path, target: str | None, decimal: str, unlabeled: object, no_label: Sequence[str]
) -> Dataset:
    """Return the data with the labelled rows of a table as test rows."""
    if data.columns is None or target is None or path.suffix.lower() not in own_tables.FORMS:
        raise DataError(f"test rows of {path}: a second file is for tables {list(own_tables.FORMS)} with a target")
    schema = column_schema.from_json(data.columns)
    x, y = own_tables.read_rows(path, schema, target, decimal, unlabeled, no_label)
    known = has_label(y, unlabeled)
    if not known.any():
        raise DataError(f"{path} has no row with a label to test on")
    return data._replace(x_test=x[known], y_test=y[known])


def _hold_out(data: Dataset, test: float, seed: int, unlabeled: object, group: str | None) -> Dataset:
    """Move rows from x to x_test, and with a group all of it."""
    rows = holdout(data.y, test, seed, unlabeled) if test and has_label(data.y, unlabeled).any() else ()
    if not len(rows):
        return data
    if group is not None:
        groups, known = (data.row_keys or {})[group], has_label(data.y, unlabeled)
        rows = np.flatnonzero(np.isin(groups, groups[rows]) & known)
    size = data.x.nbytes * len(rows) / len(data.y) if isinstance(data.x, RowSource) else 0
    if size > MOST_TEST:
        raise DataError(
            f"the {len(rows)} rows to hold out would take {size / 2**30:.1f} GiB of memory, at most "
            f"{MOST_TEST / 2**30:.0f}: hold out a given number of rows, --set dataset.test=10000"
        )
    learn = np.setdiff1d(np.arange(len(data.y)), rows)
    keys = {name: cells[learn] for name, cells in (data.row_keys or {}).items()}
    rest = data._replace(x=take_rows(data.x, learn), y=data.y[learn], row_keys=keys)
    return rest._replace(x_test=data.x[rows], y_test=data.y[rows])
