"""Tables of mixed columns (.csv, .tsv, .parquet), read, and their columns as numbers; `column_schema` says which.

Numeric columns stay as they are, true/false becomes 1/0, and a text column becomes one column of 0/1 per value, named
``column=value`` (one-hot). An empty cell is NaN in a column of numbers, 0 in all columns of a text column, and no label
in the target column.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from datetime import date, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ssvae.readers.errors import DataError
from ssvae.readers.label_columns import unquoted_cells
from ssvae.readers.precision import exact
from ssvae.readers.text_tables import SEPARATORS, measured, read_text, way_out, written_numbers

MOST_VALUES = 1000  # different values of one text column: beyond it, it is an identifier and no category
GAP_WORDS = {"?", "-", "--", ".", "*", "unknown", "missing", "nil"}  # of cells that hold no number
GAP_WORDS |= {"#div/0!", "#ref!", "#value!", "#name?", "#num!", "#null!"}
TIMES = (date, time, timedelta)
MOST_NUMBERS = 20  # different numbers in one text column: beyond it, it is a numeric column with a few odd cells


def read_frame(
    path: Path,
    text: Sequence[str] = (),
    target: str | None = None,
    decimal: str = ".",
    columns: Collection[str] = (),
) -> pd.DataFrame:
    """Read a .csv, .tsv or .parquet file.

    Parameters
    ----------
    path : Path
        The file; text files are UTF-8 and have a header line, columns are separated by ",", ";", tab or "|".
    text : sequence of str, default=()
        Columns of a text file that are text whatever they look like ("01" stays "01").
    target : str, optional
        The column of labels; of a text file it is read as it is written ("NA" is text, and an empty cell empty).
    decimal : str, default="."
        What stands before the fraction of a number in a text file.
    columns : collection of str, default=()
        Names of columns that the file may have, where it could be separated by more than one sign.

    Raises
    ------
    DataError
        If the file is empty, truncated or of another form.
    """
    try:
        if path.suffix.lower() == ".parquet":
            frame = _read_parquet(path)
        else:
            frame = read_text(path, tuple(text), target, decimal, columns)
    except DataError:
        raise
    except ImportError as error:
        raise DataError(f"reading {path} needs pyarrow: pip install 'ssvae[parquet]'") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8 ({error}): save it as UTF-8") from error
    except (ValueError, OSError, EOFError) as error:  # pandas' and Arrow's errors are among these
        raise DataError(f"{path} cannot be read: {error}") from error
    if not len(frame):
        raise DataError(f"{path} has no rows below its header; at least one is needed")
    return frame.rename(columns=str).reset_index(drop=True)


def _read_parquet(path: Path) -> pd.DataFrame:
    """Return the table of a Parquet file: integers with gaps stay integers, decimals become numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    for at, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.float64()))
    return table.to_pandas(integer_object_nulls=True)


def without_index(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a table without columns that hold nothing or row numbers and have no name, as pandas writes; say so."""
    unnamed = [name for name in frame.columns if name.startswith("Unnamed: ")]
    empty = [name for name in unnamed if frame[name].isna().all()]
    if empty:
        warnings.warn(f"{path}: {len(empty)} empty columns without a name are left out", stacklevel=2)
        unnamed, frame = [name for name in unnamed if name not in empty], frame.drop(columns=empty)
    first = frame.columns[0] if len(frame.columns) else ""
    if first in unnamed and pd.api.types.is_integer_dtype(frame[first]):
        numbers = frame[first].to_numpy() - np.arange(len(frame))
        if len(frame) > 1 and (numbers == numbers[0]).all() and numbers[0] in (0, 1):
            warnings.warn(f"{path}: the first column, without a name, holds the row numbers: left out", stacklevel=2)
            unnamed, frame = unnamed[1:], frame.drop(columns=first)
    if unnamed:
        warnings.warn(f"{path}: columns without a name are learnt from, too: {unnamed}", stacklevel=2)
    return frame


def encode_file(path: Path, names: Sequence[str], decimal: str = ".", target: str | None = None) -> np.ndarray:
    """Return the features that `names` lists, as `encode_frame` does, from a file read for prediction.

    A value that was not there at fit is 0 in all of its column's features; other columns are left out, see
    `say_left_out`.

    Raises
    ------
    DataError
        If a column is missing, or a cell is not finite.
    """
    wanted = {name[:at] for name in names for at, letter in enumerate(name) if letter == "="} | {*names}
    columns = list(read_frame(path, decimal=decimal, columns=wanted).columns)
    origins = [origin(name, columns, path) for name in names]
    say_left_out(columns, names, path, target)
    text = sorted({column for column, value in origins if value is not None})
    return encode_frame_as(read_frame(path, text, decimal=decimal, columns=wanted), names, path)


def encode_frame_as(frame: pd.DataFrame, names: Sequence[str], path: Path) -> np.ndarray:
    """Return the features that `names` lists, [N, D]; see `encode_file`."""
    columns = dict.fromkeys(frame.columns)  # quick to look things up in
    origins = [origin(name, columns, path) for name in names]
    numbers = {column: to_numbers(frame[column], path) for column, value in origins if value is None}
    x = np.empty((len(frame), len(names)), np.result_type(np.float32, *numbers.values()))
    texts: dict[str, np.ndarray] = {}
    for at, (column, value) in enumerate(origins):
        if value is None:
            x[:, at] = numbers[column]
            continue
        if column not in texts:
            texts[column] = text_of(frame[column], path)
        x[:, at] = texts[column] == value
    return x


def say_left_out(columns: Collection[str], names: Sequence[str], where: Path, target: str | None = None) -> None:
    """Warn of the columns that no feature comes from, by name; the column of labels may be there."""
    used = {name[:at] for name in names for at, letter in enumerate(name) if letter == "="} | {*names, target}
    others = [column for column in columns if column not in used]
    if others:
        shown = f"{others[:10]}" + (f" and {len(others) - 10} more" if len(others) > 10 else "")
        warnings.warn(f"{where} has columns that fit did not see, which are left out: {shown}", stacklevel=2)


def feature_names(series: pd.Series, path: Path) -> list[str]:
    """Return the names of the features that a text column becomes."""
    return [f"{series.name}={value}" for value in categories(series, path)]


def origin(name: str, columns: Collection[str], path: Path) -> tuple[str, str | None]:
    """Return the column of a feature, and its value if the feature is one of a text column's."""
    if name in columns:
        return name, None
    cuts = [at for at, letter in enumerate(name) if letter == "=" and name[:at] in columns]
    if not cuts:
        wanted = name.partition("=")[0]
        raise DataError(f"{path} has no column {wanted!r}, which the model was fitted on; it has {list(columns)}")
    return name[: cuts[-1]], name[cuts[-1] + 1 :]


def is_number(series: pd.Series) -> bool:
    """Say whether a column holds numbers or true/false."""
    return pd.api.types.is_numeric_dtype(series) and not isinstance(series.dtype, pd.CategoricalDtype)


def to_numbers(series: pd.Series, path: Path) -> np.ndarray:
    """Return a numeric or true/false column [N], finite in float32 or NaN where it is empty."""
    plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf"
    values = np.asarray(series if plain else pd.to_numeric(series, errors="coerce"), dtype=np.float64)
    with np.errstate(over="ignore"):  # what single precision cannot hold becomes infinite and is refused just below
        finite = np.isfinite(values.astype(np.float32))
    odd = np.flatnonzero(~finite & ~series.isna().to_numpy()) if not finite.all() else np.empty(0, int)
    if len(odd):
        raise DataError(
            f"{path}: row {series.index[odd[0]] + 1}, column {series.name!r} is {str(series.iloc[odd[0]])!r}; "
            "a finite number is needed (rows are counted from 1 below the header)"
        )
    return exact(values)


def text_of(series: pd.Series, path: Path) -> np.ndarray:
    """Return a text column as strings [N], None where it is empty; refuse dates: no numbers and no categories."""
    times = pd.api.types.is_datetime64_any_dtype(series) or pd.api.types.is_timedelta64_dtype(series)
    times = times or isinstance(series.dtype, pd.PeriodDtype | pd.IntervalDtype)
    if times or any(isinstance(value, TIMES) for value in series):
        raise DataError(f"{path}: column {series.name!r} holds dates; turn it into numbers, or drop it")
    nested = next((value for value in series if isinstance(value, list | dict | np.ndarray | bytes)), None)
    if nested is not None:
        raise DataError(f"{path}: column {series.name!r} holds {type(nested).__name__}; make it columns of numbers")
    if is_number(series) and not pd.api.types.is_bool_dtype(series):
        return np.array(
            [None if value != value else f"{value:.17g}" for value in series.to_numpy(float, na_value=np.nan)], object
        )
    empty = series.isna().to_numpy()
    text = np.array([None if gone else str(value) for value, gone in zip(series, empty, strict=True)], object)
    return unquoted_cells(text.tolist(), f"{path}: column {series.name!r}") if path.suffix in SEPARATORS else text


def categories(series: pd.Series, path: Path, most: int | None = MOST_VALUES, written: bool = True) -> list[str]:
    """Return the sorted values of a text column, `most` at most; refuse numbers as people write them, if `written`."""
    text = text_of(series, path)
    values = sorted({*text} - {None})
    if not values:
        raise DataError(f"{path}: column {series.name!r} is empty; drop it")
    if written:
        _refuse_written(series, path, text, values)
    if most is not None and len(values) > most:
        raise DataError(
            f"{path}: text column {series.name!r} has {len(values)} different values, at most {most} are "
            "turned into columns; drop it, or group its values"
        )
    return values


def _refuse_written(series: pd.Series, path: Path, text: np.ndarray, values: list[str]) -> None:
    """Refuse values that are numbers or times as people write them, or numbers with a few odd cells among them."""
    numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").notna().to_numpy(copy=True)
    forms = written_numbers(values)
    odd_form = next((value for value in text if value in forms), None)
    numbers |= np.array([value in forms for value in values], bool)
    if odd_form is not None and numbers.all():
        what, row = forms[odd_form], int(np.flatnonzero(text == odd_form)[0])
        raise DataError(
            f"{path}: column {series.name!r} holds {what}, such as {odd_form!r} in row {row + 1}; {way_out(what)} "
            "(rows are counted from 1 below the header)"
        )
    others = [value.lower() for value, number in zip(values, numbers, strict=True) if not number]
    gaps = numbers.sum() > 2 and {*others} <= GAP_WORDS  # so that few numbers are no categories either
    if (gaps or numbers.sum() > MOST_NUMBERS) and not numbers.all():
        words = {value for value, number in zip(values, numbers, strict=True) if not number}
        odd = next(row for row, value in enumerate(text) if value in words)
        raise DataError(
            f"{path}: column {series.name!r} holds numbers, but row {odd + 1} holds {text[odd]!r}; "
            "leave such cells empty (rows are counted from 1 below the header)"
        )
    if len(values) > MOST_NUMBERS and measured(values):
        raise DataError(
            f"{path}: column {series.name!r} holds numbers with a unit or a sign, such as {text[0]!r}; write them with "
            "digits and a point alone"
        )


def one_hot(text: np.ndarray, values: Sequence[str]) -> np.ndarray:
    """Return a column of 0 and 1 for each value, [N, values]; 0 in all where a cell is empty or none of them."""
    number = {value: at for at, value in enumerate(values)}
    x = np.zeros((len(text), len(values)), dtype=np.float32)
    rows = [row for row, value in enumerate(text) if value in number]
    x[rows, [number[text[row]] for row in rows]] = 1.0
    return x
