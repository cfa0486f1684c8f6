"""What gradient estimators may require of a variable's distribution, and what to use where it does not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tensorflow_probability import distributions as tfd

from ssvae.distributions import Binary, BinaryVector, is_diagonal_normal

MOST_BINARY = 16  # binary numbers whose states, all combinations, are enumerated


class Requirement(NamedTuple):
    """A condition on the distribution of one variable of q."""

    met_by: Callable[[tfd.Distribution], bool]
    words: str  # after "needs"
    instead: str  # estimators for what does not meet it


def _categorical(distribution: tfd.Distribution) -> bool:
    return isinstance(distribution, tfd.OneHotCategorical)


def _enumerable(distribution: tfd.Distribution) -> bool:
    few = distribution.event_shape[-1] <= MOST_BINARY
    return _categorical(distribution) or (isinstance(distribution, BinaryVector) and few)


REQUIREMENTS = {
    "": Requirement(lambda _: True, "nothing", "any"),
    "reparameterised": Requirement(
        lambda distribution: distribution.reparameterization_type == tfd.FULLY_REPARAMETERIZED,
        "reparameterised latents",
        "'score_function' or 'enumeration'",
    ),
    "gaussian": Requirement(is_diagonal_normal, "diagonal Gaussian latents", "'enumeration' or 'score_function'"),
    "categorical": Requirement(
        _categorical,
        "a categorical variable",
        "'enumeration' for few states, 'score_function' for many, 'pathwise' for continuous variables",
    ),
    "enumerable": Requirement(
        _enumerable,
        f"categorical or at most {MOST_BINARY} binary variables",
        "'score_function', or 'pathwise' for continuous variables",
    ),
    "binary": Requirement(
        lambda distribution: isinstance(distribution, BinaryVector),
        "binary latents",
        "'pathwise' for continuous ones, 'score_function' for others",
    ),
    "independent binary": Requirement(
        lambda distribution: isinstance(distribution, Binary),
        "independent binary latents",
        "'nvil' or 'vimco', or 'pathwise' for continuous ones",
    ),
}
