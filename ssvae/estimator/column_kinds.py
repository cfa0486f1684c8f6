"""What the columns of a table hold, and the likelihood that suits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ssvae.readers.base import Rows
from ssvae.readers.column_moments import chunks
from ssvae.readers.sparse_table import SparseTable
from ssvae.registry import Slot

if TYPE_CHECKING:
    from ssvae.likelihoods.base import Likelihood

# n of grey levels k / n: digits of 4 bits, 6 bits, bytes, means of 2 x 2 bytes, 16 bits
LEVELS = (15, 16, 63, 64, 255, 256, 1020, 65535)
ROWS = 64  # that are compared with grey levels
NEAR = 0.01  # of a level: rounding errors are far smaller, and cells that are no levels are seldom so near


# The likelihood of a column whose kind the user named; of another kind, by its cells.
BY_KIND = {"count": "poisson", "binary": "bernoulli", "real": "gaussian", "positive": "gaussian"}


def likelihood(
    x: Rows,
    extremes: tuple[float, float],
    names: Sequence[str] | None,
    kinds: Mapping[str, object] | None = None,
) -> Slot[Likelihood]:
    """Return the likelihood of a table [N, D].

    Grey levels in [0, 1], all k / n for one n, are Bernoulli, and so are columns of 0 and 1 alone. Where columns are of
    more than one kind, or cells are missing: mixed, in which columns of 0 and 1 are Bernoulli, those called
    "column=value" side by side are one categorical variable, and others Gaussian. Else Gaussian.

    Parameters
    ----------
    x : Rows [N, D]
    extremes : tuple of float
        Its least and greatest cell, NaN where cells are missing.
    names : sequence of str, optional
        Of the columns.
    kinds : mapping, optional
        What the user said that columns hold, by name.
    """
    inside = extremes[0] >= 0.0 and extremes[1] <= 1.0
    if isinstance(x[:1], SparseTable):
        return "bernoulli" if inside else "gaussian"
    groups = _one_hot_groups(x, names)
    said = {at: BY_KIND[kind] for at, kind in _said(names, kinds) if kind in BY_KIND}
    if inside and not groups and not said and _grey_levels(x):
        return "bernoulli"
    columns = np.where(_binary(x), "bernoulli", "gaussian").astype(object)
    for start, stop in groups:
        columns[start:stop] = "categorical"
    for at, own in said.items():
        columns[at] = own
    if not np.isnan(extremes[0]) and len({*columns}) == 1 and not groups:
        return str(columns[0])
    return {"name": "mixed", "columns": columns.tolist(), "sizes": [stop - start for start, stop in groups]}


def _said(names: Sequence[str] | None, kinds: Mapping[str, object] | None) -> Iterator[tuple[int, str]]:
    """Yield the columns whose kind the user named, and it."""
    for at, name in enumerate(names or ()) if kinds else ():
        if isinstance(kind := (kinds or {}).get(name), str):
            yield at, kind


def _grey_levels(x: Rows) -> bool:
    """Say whether all cells of the first rows are k / n for one n, and some neither 0 nor 1, which tell nothing."""
    cells = np.unique(np.asarray(x[:ROWS], np.float64))
    return bool(((cells > 0.0) & (cells < 1.0)).any()) and any(
        np.abs(cells * n - np.round(cells * n)).max() < NEAR for n in LEVELS
    )


def _binary(x: Rows) -> np.ndarray:
    """Say of every column whether all its cells that are there are 0 or 1, [D]."""
    left = np.arange(x.shape[1])
    for rows in chunks(x):
        cells = rows[:, left]
        left = left[((cells == 0.0) | (cells == 1.0) | np.isnan(cells)).all(axis=0)]
        if not len(left):
            break
    return np.isin(np.arange(x.shape[1]), left)


def _one_hot_groups(x: Rows, names: Sequence[str] | None) -> list[tuple[int, int]]:
    """Return first column and end of every categorical variable: columns "name=value" with at most one 1 a row."""
    found = [group for group in _of_one_stem(names or ()) if group[1] - group[0] > 1]
    for rows in chunks(x) if found else ():
        found = [(start, stop) for start, stop in found if _one_hot(rows[:, start:stop])]
    return found


def _of_one_stem(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield first column and end of all columns side by side that are called alike before an "="."""
    stems = [(at, name.partition("=")[0] if "=" in name else None) for at, name in enumerate(map(str, names))]
    for stem, group in groupby(stems, key=lambda each: each[1]):
        columns = [at for at, _ in group]
        if stem is not None:
            yield columns[0], columns[-1] + 1


def _one_hot(cells: np.ndarray) -> bool:
    return bool(np.isin(cells, (0.0, 1.0)).all() and (cells.sum(axis=1) <= 1).all())
