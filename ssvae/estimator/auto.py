"""Resolves "auto" from the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ssvae.registry import Slot

if TYPE_CHECKING:
    from ssvae.likelihoods.base import Likelihood
    from ssvae.preprocessing.base import Preprocessing


def likelihood(
    extremes: tuple[float, float], slot: Slot[Likelihood], preprocessing: Slot[Preprocessing]
) -> Slot[Likelihood]:
    """Return the slot, or what suits rows of these extremes in place of "auto".

    All values in [0, 1] and no preprocessing asked for: Bernoulli (grey levels are resampled to binary values).
    Anything else: Gaussian.
    """
    if not is_auto(slot):
        return slot
    inside = extremes[0] >= 0.0 and extremes[1] <= 1.0
    plain = isinstance(preprocessing, str) and preprocessing in ("auto", "identity")
    return "bernoulli" if inside and plain else "gaussian"


def preprocessing(slot: Slot[Preprocessing], likelihood: Likelihood) -> Slot[Preprocessing]:
    """Return the slot, or for "auto" what suits a likelihood: nothing where x is bounded, else standardised columns."""
    if not is_auto(slot):
        return slot
    return "identity" if math.isfinite(likelihood.support[0]) else "standardize"


def is_auto(slot: object) -> bool:
    """Say whether a slot leaves the choice to the data."""
    return isinstance(slot, str) and slot == "auto"
