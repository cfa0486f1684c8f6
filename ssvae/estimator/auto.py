"""Resolves "auto" from the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ssvae.estimator import column_kinds
from ssvae.readers.base import Rows
from ssvae.registry import Slot

if TYPE_CHECKING:
    from ssvae.likelihoods.base import Likelihood
    from ssvae.preprocessing.base import Preprocessing


def likelihood(
    x: Rows,
    extremes: tuple[float, float],
    names: Sequence[str] | None,
    slot: Slot[Likelihood],
    preprocessing: Slot[Preprocessing],
    kinds: Mapping[str, object] | None = None,
) -> Slot[Likelihood]:
    """Return the slot, or in place of "auto" what suits rows x, of these extremes, names and kinds of columns.

    Where a preprocessing is asked for, that is Gaussian; see `column_kinds.likelihood` otherwise.
    """
    if not is_auto(slot):
        return slot
    plain = isinstance(preprocessing, str) and preprocessing in ("auto", "identity", "columns")
    return column_kinds.likelihood(x, extremes, names, kinds) if plain else "gaussian"


def preprocessing(slot: Slot[Preprocessing], likelihood: Likelihood) -> Slot[Preprocessing]:
    """Return the slot, or for "auto" what suits a likelihood."""
    return likelihood.preprocessing if is_auto(slot) else slot


def is_auto(slot: object) -> bool:
    """Say whether a slot leaves the choice to the data."""
    return isinstance(slot, str) and slot == "auto"
