"""Text files of tables (.csv, .tsv): how their columns are separated, and rows with more cells than the header."""

from __future__ import annotations

import csv
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ssvae.readers.errors import DataError
from ssvae.readers.label_columns import unquoted, unquoted_cells

SEPARATORS = {".csv": ",", ".tsv": "\t"}  # tried first
OTHERS = (",", ";", "\t", "|")
SEEN = 50  # lines that are looked at
# Cells that hold nothing, as pandas has them; in the target column only the empty one does.
GAPS = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
]
ENCODING = "utf-8-sig"
csv.field_size_limit(2**31 - 1)  # of the process: its own limit, 2¹⁷, is less than texts have


class _Layout(NamedTuple):
    separator: str
    header: list[str]
    surplus: int  # cells of the first row beyond the header's


def read_text(
    path: Path, text: tuple[str, ...], target: str | None, decimal: str, columns: Collection[str]
) -> pd.DataFrame:
    """Return the table of a text file; the cells of `target` as they are written, of `text` as text.

    `columns` are names of some that it may have.

    Raises
    ------
    DataError, ValueError
        If the file is no table, or a row has content beyond the columns of the header.
    """
    _check_bytes(path)
    layout = _layout(path, {*columns, *text} | ({target} if target else set()))
    if target is not None and layout.header.count(target) > 1:
        raise DataError(f"{path} has {layout.header.count(target)} columns {target!r}; rename those that are no labels")
    _warn_of_twins(path, layout.header)
    try:
        if layout.surplus:
            raise pd.errors.ParserError
        return _parsed(path, layout, text, target, decimal)
    except pd.errors.ParserError:
        surplus = _surplus(path, layout)
        if not surplus:
            raise
        return _parsed(path, layout._replace(surplus=surplus), text, target, decimal)


def _parsed(path: Path, layout: _Layout, text: tuple[str, ...], target: str | None, decimal: str) -> pd.DataFrame:
    """Return the table; without the surplus cells, which are empty."""
    header = [name or f"Unnamed: {at}" for at, name in enumerate(layout.header)]  # as pandas does
    place: dict[str, object] = {"header": 0}
    if layout.surplus:
        names = [*header, *(f"surplus {n}" for n in range(layout.surplus))]
        place = {"header": None, "names": names, "skiprows": _header_lines(path, layout.separator)}
    read = partial(pd.read_csv, path, sep=layout.separator, encoding=ENCODING, index_col=False, **place)
    wanted = text if target is None else (*text, target)
    as_text = [written for name in wanted for written in _column(layout.header, name) or [name]]
    kinds: dict[object, type] = dict.fromkeys(as_text, str)
    gaps: dict[str, object] = {}
    if target is not None:
        labels = _column(layout.header, target)
        columns = read(skipinitialspace=True, nrows=0).columns
        gaps = {"keep_default_na": False, "na_values": {name: GAPS for name in columns if name not in labels}}
    frame = read(dtype=kinds, decimal=decimal, skipinitialspace=True, low_memory=False, **gaps)
    if layout.surplus:
        warnings.warn(
            f"{path}: rows end in {layout.surplus} empty cells beyond the columns of the header, which are left out",
            UserWarning,
            stacklevel=2,
        )
    frame = frame.iloc[:, : len(header)]
    _refuse_header_again(path, frame, header)
    if len(header) > 1 and (frame.iloc[:, -1].isna() | (frame.iloc[:, -1] == "")).any():
        _refuse_short(path, layout)
    for name in set(frame.columns) - {*as_text}:
        if pd.api.types.is_object_dtype(frame[name]) or pd.api.types.is_string_dtype(frame[name]):
            numbers = pd.to_numeric(frame[name], errors="coerce")
            if numbers.notna().all():  # integers that are too large for 64 bits
                _refuse_points(path, frame[name], decimal)
                frame[name] = numbers
    return frame.set_axis(unquoted_cells([str(name) for name in frame.columns], f"{path}: header"), axis="columns")


def _refuse_header_again(path: Path, frame: pd.DataFrame, header: list[str]) -> None:
    """Refuse a row that is the header once more, as in files that were put together."""
    rows = np.flatnonzero(frame.iloc[:, 0].astype(str) == header[0]) if len(header) > 1 else ()
    for row in rows:
        if [str(cell) for cell in frame.iloc[row]] == header:
            raise DataError(f"{path}: row {row + 1} below the header is the header again: leave it out")


def _check_bytes(path: Path) -> None:
    """Refuse a file that is no text in UTF-8, as far as its bytes show it."""
    with path.open("rb") as file:
        for block in iter(partial(file.read, 2**20), b""):
            if b"\0" in block:
                raise DataError(
                    f"{path} holds null bytes, as files in UTF-16 and binary files do: save it as UTF-8 text"
                )


def _warn_of_twins(path: Path, header: list[str]) -> None:
    """Warn of columns with one name, which pandas numbers."""
    twins = [name for name, count in Counter(header).items() if name and count > 1]
    if twins:
        warnings.warn(
            f"{path} has several columns named {', '.join(map(repr, twins))}: from the second on they are called "
            f"{f'{twins[0]}.1'!r} and so on",
            UserWarning,
            stacklevel=2,
        )


def _refuse_points(path: Path, column: pd.Series, decimal: str) -> None:
    """Refuse "1.500" where fractions have commas: it would be read as 1.5."""
    pointed = [] if decimal == "." else [value for value in column if "." in str(value)]
    if pointed:
        raise DataError(
            f"{path}: column {column.name!r} holds {pointed[0]!r}, and decimal={decimal!r} says that no number has a "
            "point: write all numbers alike"
        )


def _column(header: list[str], column: str) -> list[str]:
    """Return how the file writes the name of a column."""
    return [name for name in header if unquoted(name) == column]


def _rows(path: Path, separator: str) -> list[list[str]]:
    """Return the first rows of a file, with the header, as the separator cuts them."""
    try:
        with path.open(encoding=ENCODING, newline="") as file:
            rows = csv.reader(file, delimiter=separator, skipinitialspace=True)
            return list(islice((row for row in rows if row), SEEN))
    except csv.Error:
        return []  # a quote that never ends: pandas says where


def _header_lines(path: Path, separator: str) -> int:
    """Return how many lines, as pandas counts them, the header takes, with empty ones before it."""
    with path.open(encoding=ENCODING, newline="") as file:
        rows = csv.reader(file, delimiter=separator, skipinitialspace=True)
        return next(number for number, row in enumerate(rows, start=1) if row)


def _layout(path: Path, columns: Collection[str]) -> _Layout:
    """Return how the columns of a file are separated.

    Its usual separator counts where all rows have the cells of the header; else another one by which they do. Of
    several, it is the one by which most of `columns` are there.
    """
    usual = SEPARATORS[path.suffix.lower()]
    found = {separator: _rows(path, separator) for separator in dict.fromkeys([usual, *OTHERS])}
    fitting = [separator for separator, rows in found.items() if _fits(rows)]
    known = {separator: sum(name in columns for name in found[separator][0]) for separator in fitting}
    likely = [separator for separator in fitting if known[separator] == max(known.values())]
    if usual in likely and len(likely) > 1:
        raise DataError(
            f"{path}: its columns may be separated by any of {likely}; name its target column, or save it anew"
        )
    best = max(likely, key=lambda separator: len(found[separator][0]), default=usual)
    best = usual if usual in likely else best
    rows = found[best]
    header = [name.rstrip("\r\n") for name in rows[0]] if rows else []
    return _Layout(best, header, max(0, len(rows[1]) - len(header)) if len(rows) > 1 else 0)


def _fits(rows: list[list[str]]) -> bool:
    """Say whether rows have as many cells as the header, of two at least, or empty ones beyond."""
    return (
        len(rows) > 1
        and len(rows[0]) > 1
        and all(len(row) >= len(rows[0]) and not any(row[len(rows[0]) :]) for row in rows[1:])
    )


def layout_of(path: Path, columns: Collection[str]) -> _Layout:
    """Return separator, header and surplus cells of a file that can be read; see `_layout`."""
    layout = _layout(path, columns)
    return layout._replace(surplus=_surplus(path, layout))


def _surplus(path: Path, layout: _Layout) -> int:
    """Return the most cells that a row has beyond the header's; refuse the first that holds something."""
    width, most = len(layout.header), 0
    long: list[tuple[int, int, str]] = []
    with path.open(encoding=ENCODING, newline="") as file:
        rows = csv.reader(file, delimiter=layout.separator, skipinitialspace=True)
        for row in rows:
            content = next((cell for cell in row[width:] if cell.strip()), None)
            if content is not None:
                long.append((rows.line_num, len(row), content))
            most = max(most, len(row) - width)
    if long:
        line, cells, content = long[0]
        raise DataError(
            f"{path}: line {line} has {cells} cells, the header has {width}: no column for {content!r}"
            f"{_more_lines([line for line, _, _ in long[1:]])}"
        )
    return most


def _refuse_short(path: Path, layout: _Layout) -> None:
    """Refuse the first row with fewer cells than the header, whose cells may be in the wrong columns, or cut off."""
    width = len(layout.header)
    with path.open(encoding=ENCODING, newline="") as file:
        rows = csv.reader(file, delimiter=layout.separator, skipinitialspace=True)
        short = [(rows.line_num, len(row)) for row in rows if row and len(row) < width]
    if short:
        raise DataError(
            f"{path}: line {short[0][0]} has {short[0][1]} cells, the header has {width}: write an empty cell"
            f"{_more_lines([line for line, _ in short[1:]])}"
        )


def _more_lines(lines: list[int]) -> str:
    """Say that further lines have the same fault."""
    shown = ", ".join(map(str, lines[:10]))
    return f"; {len(lines)} more lines are like this: {shown}{' ...' if len(lines) > 10 else ''}" if lines else ""


# Numbers and times as they are written for people or other programs: what they are, and how it shows.
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
_MONTH = r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DAY = (
    r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}|[12][0-9]{3}-(0[1-9]|1[0-2])"
    rf"|[0-9]{{1,2}}\.?[ -]{_MONTH}[ -][0-9]{{2,4}}|{_MONTH} [0-9]{{1,2}}, [0-9]{{4}}|{_MONTH}[ -][0-9]{{4}}"
    r"|[0-9]{4}-W[0-9]{2}(-[0-9])?"
)
_MONEY = r"([$€£¥₹₽₩]|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|INR|JPY|KRW|MXN|NOK|PLN|SEK|TRY|USD|ZAR)"
COMMAS, THOUSANDS = "numbers with decimal commas", "numbers with separated thousands"
EITHER = "numbers with decimal commas or separated thousands"
WRITTEN = {
    COMMAS: re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?"),
    THOUSANDS: re.compile(
        r"[+-]?[1-9][0-9]{0,2}([,.' \u00a0\u2007\u2009\u202f\u2019][0-9]{3})+([.,][0-9]+)?"
        r"|[+-]?[1-9][0-9]?(,[0-9]{2})+,[0-9]{3}(\.[0-9]+)?"
    ),
    "percentages": re.compile(r"[+-]?[0-9]+([.,][0-9]+)?\s*[%\u2030]"),
    "amounts of money": re.compile(rf"[+-]?{_MONEY}\s*[0-9][0-9.,']*|[+-]?[0-9][0-9.,']*\s*{_MONEY}"),
    "negative numbers of accounts": re.compile(r"\([0-9]+([.,][0-9]+)*\)|[0-9]+([.,][0-9]+)*-"),
    "dates or times": re.compile(rf"({_DAY})([T ]+{_CLOCK})?|{_CLOCK}", re.IGNORECASE),
    "numbers in another notation": re.compile(
        r"[\u2212\u2013][0-9]+([.,][0-9]+)?|[+-]?0[xX][0-9A-Fa-f]+(\.[0-9A-Fa-f]*)?([pP][+-]?[0-9]+)?|[+-]?[0-9]+(_[0-9]+)+|[+-]?[0-9.]+[dD][+-]?[0-9]+"
        r"|=\"?[+-]?[0-9]+([.,][0-9]+)?\"?|'[+-]?[0-9]+([.,][0-9]+)?"
    ),
}
DATES = re.compile(rf"({_DAY})([T ]+{_CLOCK})?", re.IGNORECASE)
PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MEASURED = re.compile(r"([<>~≈≤≥±]*)\s*[+-]?[0-9]+(?:[.,][0-9]+)?\s*([^\W\d_]{0,4}[°²³]?[CF]?)")
WAYS_OUT = {
    COMMAS: "say --set dataset.decimal=\"','\" (decimal=','), or write them with points",
    EITHER: "if they are fractions say --set dataset.decimal=\"','\" (decimal=','), else write them without commas",
    "dates or times": "turn them into numbers, or drop the column",
}


def written_numbers(values: Sequence[str]) -> dict[str, str]:
    """Return which texts are numbers or times that are not written as this library reads numbers, and what each is.

    "1,234" is one of two numbers: what others of these texts are decides.
    """
    found: dict[str, list[str]] = {}
    for value in values:
        forms = [what for what, form in WRITTEN.items() if form.fullmatch(value.strip())] or _in_disguise(value)
        if forms:
            found[value] = forms
    sure = {forms[0] for forms in found.values() if len(forms) == 1}
    either = THOUSANDS if sure == {THOUSANDS} else COMMAS if sure == {COMMAS} else EITHER
    return {value: forms[0] if len(forms) == 1 else either for value, forms in found.items()}


def _in_disguise(value: str) -> list[str]:
    """Return what a text is that is a number but for its digits, or for signs around it that are not seen."""
    bare = "".join(sign for sign in value if unicodedata.category(sign) != "Cf").strip()
    if bare != value and PLAIN.fullmatch(bare):
        return ["numbers with blanks or signs that are not seen"]
    digits = any(not sign.isascii() and sign.isnumeric() for sign in bare)
    return ["numbers in other digits"] if digits and all(s.isnumeric() or s in "+-.,/ " for s in bare) else []


def measured(values: Sequence[str]) -> bool:
    """Say whether texts are all a number with one unit or sign, such as "5 kg" or "<5"."""
    found = [MEASURED.fullmatch(value.strip()) for value in values]
    return len({match and match.group(1, 2) for match in found}) == 1 and None not in found


def way_out(what: str) -> str:
    """Return what a user does about such numbers."""
    return WAYS_OUT.get(what, "write them with digits and a point alone")
