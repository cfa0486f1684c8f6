"""Columns of dates as days since the first."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from ssvae.readers.errors import DataError
from ssvae.readers.text_tables import DATES, way_out

FORMS = (  # of text, each tried on the whole column
    "ISO8601",
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
)
DAY = pd.Timedelta(days=1)


def is_date(series: pd.Series) -> bool:
    """Say whether a column holds dates: by its type, or as text of which every cell is a date."""
    if pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        return True
    if isinstance(series.dtype, pd.CategoricalDtype):
        return False
    cells = series.dropna().unique()
    return all(isinstance(cell, date) or (isinstance(cell, str) and DATES.fullmatch(cell.strip())) for cell in cells)


def form_of(series: pd.Series) -> str:
    """Return how the dates of a column are written: one of FORMS, empty where its type says what they are.

    Raises
    ------
    DataError
        If they are written in no such form, or day and month may be either.
    """
    if not _is_text(series):
        return ""
    cells = pd.Series(series.dropna().unique()).map(str).str.strip()
    fitting = [form for form in FORMS if _parsed(cells, form).notna().all()]
    if len(fitting) == 1 or "ISO8601" in fitting[:1]:
        return fitting[0]
    what = "dates or times"
    why = f"which may be {fitting[0]} or {fitting[1]}; write them as 2024-01-31" if fitting else way_out(what)
    raise DataError(f"column {series.name!r} holds {what}, such as {cells.iloc[0]!r}; {why}")


def times(series: pd.Series, form: str, where: Path) -> pd.Series:
    """Return the times of a column, in UTC where they have a zone, NaT where a cell is empty.

    Raises
    ------
    DataError
        If a cell is no date of this form.
    """
    if isinstance(series.dtype, pd.PeriodDtype):
        return series.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(series):
        return series if series.dt.tz is None else series.dt.tz_convert(None)
    found = _parsed(series.map(lambda cell: str(cell).strip(), na_action="ignore"), form or "ISO8601")
    odd = np.flatnonzero(found.isna() & series.notna())
    if len(odd):
        raise DataError(
            f"row {series.index[odd[0]] + 1}, column {series.name!r} is {series.iloc[odd[0]]!r}; a date is needed"
            f"{f' in the form {form}' if form else ''} (rows are counted from 1 below the header)"
        )
    return found


def days(series: pd.Series, form: str, first: str, where: Path) -> np.ndarray:
    """Return the days since `first` [N], float64, NaN where a cell is empty."""
    return ((times(series, form, where) - pd.Timestamp(first)) / DAY).to_numpy(np.float64)


def _is_text(series: pd.Series) -> bool:
    typed = pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype)
    return not typed and any(isinstance(cell, str) for cell in series.dropna().unique())


def _parsed(cells: pd.Series, form: str) -> pd.Series:
    cells = cells.where(~cells.isin(["now", "today"]))  # which pandas takes for the present
    return pd.to_datetime(cells, format=form, errors="coerce", utc=True).dt.tz_convert(None)
