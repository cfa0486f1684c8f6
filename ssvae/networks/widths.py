"""Widths of layers, as users give them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

MOST_LAYERS = 100


def sizes(given: int | Sequence[int], argument: str = "hidden") -> tuple[int, ...]:
    """Return widths as a tuple; one number is one layer.

    Raises
    ------
    ValueError
        If a width is no integer, or there are more layers than any network has.
    """
    widths = (given,) if isinstance(given, Integral) else given
    if isinstance(widths, str) or not isinstance(widths, Sequence) or not all(map(_whole, widths)):
        raise ValueError(f"{argument} must be an integer or a list of integers, got {given!r}")
    if len(widths) > MOST_LAYERS:
        raise ValueError(f"{argument} must be at most {MOST_LAYERS} layers, got {len(widths):,}")
    return tuple(int(width) for width in widths)


def deeper(hidden: int | Sequence[int]) -> tuple[int, ...]:
    """Return the widths with one layer more, the last twice."""
    widths = sizes(hidden)
    return (*widths, widths[-1]) if widths else ()


def _whole(width: object) -> bool:
    return isinstance(width, Integral) and not isinstance(width, bool)
