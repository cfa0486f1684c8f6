"""The schema of a table: what each column holds, found at fit, kept with the model and checked at predict.

Numbers stay numbers; dates are days since the first; a column of categories is one 0/1 feature a value; ordered values
are ranks. Columns that tell rows apart, hold one value, repeat another column or are running text are set aside.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ssvae.readers import dates
from ssvae.readers.errors import DataError, all_problems
from ssvae.readers.tables import categories, is_number, one_hot, text_of, to_numbers
from ssvae.registry import unknown

CATEGORICAL, ORDINAL, DATE = "categorical", "ordinal", "date"
NUMBERS = ("real", "positive", "count", "binary")
ASIDE = ("text", "id", "constant", "duplicate", "drop")  # set aside
GIVEN = (*NUMBERS, CATEGORICAL, ORDINAL, DATE, "text", "id", "drop")  # that a user may name
AS_WRITTEN = (CATEGORICAL, DATE, "id", "text")  # read from a text file as text
FEW = 20  # rows: with fewer nothing is set aside that nobody asked for
REASONS = {"text": "text", "id": "id", "drop": "left out"}  # given by the user
WORDS = 4  # of a cell, on average: running text
ID = re.compile(r"(^|[\W_]|(?<=[a-z])(?=[A-Z]))(id|ids|key|uuid|guid|idx|index|nr|no|number|row)$", re.IGNORECASE)


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: str  # one of NUMBERS, "categorical", "ordinal", "date" or ASIDE
    values: tuple[str, ...] = ()  # of categories; of an ordinal column in rising order
    form: str = ""  # how dates are written
    first: str = ""  # day from which dates are counted
    why: str = ""  # it is set aside

    @property
    def features(self) -> list[str]:
        """The names of its features."""
        if self.kind in ASIDE:
            return []
        return [f"{self.name}={value}" for value in self.values] if self.kind == CATEGORICAL else [self.name]


Schema = tuple[Column, ...]
Kinds = Mapping[str, object]  # a kind by the name of a column, or its values in rising order


def learn(frame: pd.DataFrame, where: Path, kinds: Kinds | None = None, set_aside: bool = True) -> Schema:
    """Return what the columns of a table hold.

    Parameters
    ----------
    frame : DataFrame [N, columns]
    where : Path
        What messages name.
    kinds : mapping, optional
        Kinds by name (one of GIVEN), or a list of values in rising order, in place of those that would be found.
    set_aside : bool, default=True
        Whether columns are set aside that nobody named.

    Raises
    ------
    DataError
        Naming every column that is empty, or holds neither numbers, nor dates, nor categories, nor what it should.
    """
    kinds = kinds or {}
    _check_given(kinds, list(frame.columns), where)
    found: list[Column] = []
    with all_problems(where) as problems:
        for name in frame.columns:
            with problems.one():
                found.append(_learnt(frame[name], where, kinds.get(name), set_aside))
        found = _without_duplicates(found, frame, kinds, where) if set_aside else found
        names = [feature for column in found for feature in column.features]
        twice = sorted({name for name in names if names.count(name) > 1}) if len({*names}) < len(names) else []
        problems.add(f"two features would be called {name!r}; rename a column" for name in twice)
        if not names and not problems.found:
            aside = "; ".join(said(found))
            problems.add([f"it has no columns besides the target{aside and f' ({aside})'}; features are needed"])
    return tuple(found)


def encode(schema: Schema, frame: pd.DataFrame, where: Path) -> np.ndarray:
    """Return the features [N, D] of a table, float32 or if need be float64.

    A category that fit did not see is 0 in all features of its column, and such a rank is missing; they are counted in
    a warning.

    Raises
    ------
    DataError
        Naming every column that is missing or holds something else than at fit.
    """
    blocks, unseen = [], []
    with all_problems(where) as problems:
        for column in schema:
            if column.kind in ASIDE:
                continue
            with problems.one():
                if column.name not in frame.columns:
                    raise DataError(f"it has no column {column.name!r}, which the model was fitted on")
                block, other = ENCODED[column.kind](column, frame[column.name], where)
                blocks.append(block)
                unseen += [other] if other else []
    if unseen:
        warnings.warn(f"{where}: values that fit did not see count as none: {'; '.join(unseen)}", stacklevel=3)
    return np.concatenate(blocks, axis=1)


def decode(schema: Schema, x: np.ndarray) -> pd.DataFrame:
    """Return features [N, D], such as means of a model, as columns: the most probable category, the nearest count.

    Columns that were set aside are not there.
    """
    found, at = {}, 0
    for column in schema:
        width = len(column.features)
        if width:
            found[column.name] = _decoded(column, x[:, at : at + width])
        at += width
    return pd.DataFrame(found)


def _decoded(column: Column, x: np.ndarray) -> np.ndarray:
    """Return the cells [N] that features [N, width] of a column stand for."""
    if column.kind == CATEGORICAL:
        return np.array(column.values, object)[x.argmax(axis=1)]
    if column.kind == ORDINAL:
        return np.array(column.values, object)[np.clip(np.rint(x[:, 0]), 0, len(column.values) - 1).astype(int)]
    if column.kind == DATE:
        return (pd.Timestamp(column.first) + pd.to_timedelta(x[:, 0], unit="D")).to_numpy()
    if column.kind in ("count", "binary"):
        most = 1 if column.kind == "binary" else None
        return np.clip(np.rint(x[:, 0].astype(np.float64)), 0, most).astype(np.int64)
    return x[:, 0]


def feature_names(schema: Schema) -> tuple[str, ...]:
    """Return the names of all features."""
    return tuple(feature for column in schema for feature in column.features)


def missing(schema: Schema | None, x: np.ndarray) -> np.ndarray:
    """Return how many cells of each column are missing, from features [N, D]; of each feature without a schema."""
    if schema is None:
        return np.isnan(x).sum(axis=0)
    found, at = [], 0
    for column in schema:
        own = x[:, at : at + len(column.features)]
        if len(column.features):
            found.append(int((own.sum(axis=1) == 0).sum() if column.kind == CATEGORICAL else np.isnan(own).sum()))
        at += len(column.features)
    return np.array(found)


def counts(schema: Schema) -> dict[str, int]:
    """Return how many columns of each kind are learnt from."""
    kinds = [column.kind for column in schema if column.kind not in ASIDE]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def said(schema: Sequence[Column]) -> list[str]:
    """Return what there is to say about columns: which are set aside and why, and what dates become."""
    aside = [f"{column.name} ({column.why or REASONS[column.kind]})" for column in schema if column.kind in ASIDE]
    days = [f"{column.name} (days since {column.first[:10]})" for column in schema if column.kind == DATE]
    lines = [f"set aside: {', '.join(aside)}"] if aside else []
    return [*lines, *([f"dates: {', '.join(days)}"] if days else [])]


def as_json(schema: Schema) -> list[dict[str, object]]:
    """Return a schema as JSON holds it."""
    return [{key: value for key, value in column._asdict().items() if value} for column in schema]


def from_json(kept: Sequence[Mapping[str, object]]) -> Schema:
    """Return the schema that `as_json` wrote.

    Raises
    ------
    ValueError, TypeError
        If it is damaged.
    """
    if not isinstance(kept, list | tuple) or not all(isinstance(column, Mapping) for column in kept):
        raise ValueError("its columns are no list of mappings")
    schema = tuple(Column(**{**column, "values": tuple(column.get("values", ()))}) for column in kept)
    for column in schema:
        texts = (column.name, column.kind, column.form, column.first, column.why, *column.values)
        if not all(isinstance(text, str) for text in texts) or column.kind not in (*ENCODED, *ASIDE):
            raise ValueError(f"a column of the schema is {column.kind!r}, one of {[*ENCODED, *ASIDE]}, with texts")
        if column.kind == DATE and pd.isna(pd.to_datetime(column.first, errors="coerce")):
            raise ValueError(f"column {column.name!r} counts days from {column.first!r}, which is no date")
    return schema


def written_as_text(schema: Schema) -> list[str]:
    """Return the columns of a text file that are to be read as they are written, as they were at fit."""
    return [column.name for column in schema if column.kind in (CATEGORICAL, ORDINAL) or column.form]


def as_text(kinds: Kinds) -> list[str]:
    """Return the columns of a text file that are to be read as they are written, by the kinds that were asked for."""
    return [name for name, kind in kinds.items() if kind in AS_WRITTEN or _ranks(kind)]


def _ranks(kind: object) -> bool:
    return isinstance(kind, list | tuple)


def _check_given(kinds: Kinds, columns: list[str], where: Path) -> None:
    with all_problems(where) as problems:
        for name, kind in kinds.items():
            if name not in columns:
                problems.add([unknown("column", name, columns)])
            elif not (_ranks(kind) or kind in GIVEN):
                problems.add([f"column {name!r} may be {', '.join(GIVEN)}, or a list of values; it was given {kind!r}"])


def _learnt(series: pd.Series, where: Path, given: object, set_aside: bool) -> Column:
    """Return what a column holds: what was asked for, if it does, or else what is found."""
    name = str(series.name)
    if _ranks(given):
        return _ordinal(series, where, [str(value) for value in given])  # type: ignore[attr-defined]
    if given in ("id", "text", "drop"):
        return Column(name, str(given))
    if series.isna().all():
        raise DataError(f"column {name!r} is empty; drop it")
    if given is None:
        return _guessed(series, where, FEW if set_aside else len(series) + 1)
    if given == CATEGORICAL:
        return Column(name, CATEGORICAL, tuple(categories(series, where, written=False)))
    if given == DATE:
        return _date(series, where)
    if given == ORDINAL and not is_number(series):
        ordered = isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered
        if not ordered:
            raise DataError(f"column {name!r} is text: give its values in rising order, {{{name}: [low, high]}}")
        return _ordinal(series, where, [str(value) for value in series.dtype.categories])
    _as_given(to_numbers(series, where), name, str(given))
    return Column(name, "real" if given == ORDINAL else str(given))


def _as_given(values: np.ndarray, name: str, kind: str) -> None:
    """Raise unless numbers are of the kind that was asked for."""
    there = values[~np.isnan(values)]
    right = {
        "binary": np.isin(there, (0.0, 1.0)),
        "count": (there >= 0) & (there == np.round(there)),
        "positive": there > 0,
    }.get(kind)
    if right is not None and not right.all():
        what = {"binary": "0 or 1", "count": "0, 1, 2 and so on", "positive": "above 0"}[kind]
        raise DataError(f"column {name!r} holds {there[~right][0]:g}, and a {kind} one is {what}")


def _guessed(series: pd.Series, where: Path, few: int) -> Column:
    """Return what a column holds; with fewer than so many rows it is not set aside."""
    name = str(series.name)
    if is_number(series):
        return Column(name, *_kind_of_numbers(to_numbers(series, where), name, few))
    if dates.is_date(series):
        return _date(series, where)
    if isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered:
        return _ordinal(series, where, [str(value) for value in series.dtype.categories])
    text = text_of(series, where)
    there = [cell for cell in text if cell is not None]
    different = {*there}
    if len(text) >= few and len(there) == len(text):
        if len(different) == 1:
            return Column(name, "constant", why=f"constant, {there[0]!r}")
        if len(different) > len(text) / 2 and np.mean([len(cell.split()) for cell in there]) >= WORDS:
            return Column(name, "text", why="text: leave it out, or make numbers of it by a vectorizer of scikit-learn")
        if len(different) == len(text):
            categories(series, where, most=None)  # no numbers as people write them
            return Column(name, "id", why="id: all values differ")
    return Column(name, CATEGORICAL, tuple(categories(series, where)))


def _kind_of_numbers(values: np.ndarray, name: str, few: int) -> tuple[str] | tuple[str, tuple[()], str, str, str]:
    """Return the kind of a column of numbers [N], and of one that is set aside, why."""
    there = values[~np.isnan(values)]
    low, high = there.min(), there.max()
    if len(there) == len(values) >= few:
        if low == high:
            return "constant", (), "", "", f"constant, {low:g}"
        numbered = high - low == len(values) - 1  # row numbers in any order
        if (numbered or ID.search(name)) and _whole(there) and len(np.unique(there)) == len(there):
            return "id", (), "", "", "id: all values differ"
    if low >= 0.0 and high <= 1.0 and np.isin(there, (0.0, 1.0)).all():
        return ("binary",)
    if low >= 0.0 and _whole(there):
        return ("count",)
    return ("positive",) if low > 0.0 else ("real",)


def _whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def _ordinal(series: pd.Series, where: Path, values: Sequence[str]) -> Column:
    others = sorted({*text_of(series, where)} - {None, *values})
    if others:
        raise DataError(f"column {series.name!r} holds {others[0]!r}, which is none of its values {list(values)}")
    return Column(str(series.name), ORDINAL, tuple(values))


def _date(series: pd.Series, where: Path) -> Column:
    form = dates.form_of(series)
    return Column(str(series.name), DATE, form=form, first=dates.times(series, form, where).min().isoformat())


def _without_duplicates(found: list[Column], frame: pd.DataFrame, kinds: Kinds, where: Path) -> list[Column]:
    """Return the columns, those that repeat an earlier one set aside, but where a kind was asked for."""
    if len(frame) < FEW:
        return found
    first: dict[bytes, str] = {}
    for at, column in enumerate(found):
        if column.kind in ASIDE or column.name in kinds:
            continue
        key = _content(column, frame[column.name], where)
        if key in first:
            found[at] = Column(column.name, "duplicate", why=f"the same as {first[key]}")
        first.setdefault(key, column.name)
    return found


def _content(column: Column, series: pd.Series, where: Path) -> bytes:
    """Return what two columns have in common that say the same: of categories whatever these are called."""
    if column.kind == CATEGORICAL and len(column.values) <= len(series) / 2:
        return hashlib.blake2b(pd.factorize(series)[0].astype(np.int64).tobytes(), key=b"categories").digest()
    if column.kind in (CATEGORICAL, ORDINAL):
        return hashlib.blake2b(repr(text_of(series, where).tolist()).encode(), key=b"text").digest()
    return hashlib.blake2b(ENCODED[column.kind](column, series, where)[0].astype(np.float64).tobytes()).digest()


def _numeric(column: Column, series: pd.Series, where: Path) -> tuple[np.ndarray, str]:
    values = to_numbers(series, where)
    odd = 0 if column.kind != "binary" else int((~np.isin(values, (0.0, 1.0)) & ~np.isnan(values)).sum())
    return values[:, None], f"{column.name!r} had 0 and 1 alone, {odd} cells have others" if odd else ""


def _days(column: Column, series: pd.Series, where: Path) -> tuple[np.ndarray, str]:
    return dates.days(series, column.form, column.first, where)[:, None], ""


def _one_of(column: Column, series: pd.Series, where: Path) -> tuple[np.ndarray, str]:
    text = text_of(series, where)
    return one_hot(text, column.values), _unseen(column, text)


def _rank(column: Column, series: pd.Series, where: Path) -> tuple[np.ndarray, str]:
    text, rank = text_of(series, where), {value: at for at, value in enumerate(column.values)}
    return np.array([[rank.get(cell, np.nan)] for cell in text], np.float32), _unseen(column, text)


def _unseen(column: Column, text: np.ndarray) -> str:
    known: Collection[object] = {None, *column.values}
    others = [cell for cell in text if cell not in known]
    return f"{len(others)} cells of {column.name!r}, such as {others[0]!r}" if others else ""


ENCODED: dict[str, Callable[[Column, pd.Series, Path], tuple[np.ndarray, str]]] = {
    **dict.fromkeys(NUMBERS, _numeric),
    CATEGORICAL: _one_of,
    ORDINAL: _rank,
    DATE: _days,
}
