"""Ranges of the estimator's arguments: what their types leave open and no data are needed to check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ssvae.registry import unknown
from ssvae.settings.checks import whole

EARLY_STOPPING = ("every", "patience", "samples", "stage", "validation_fraction")


def check_ranges(arguments: Mapping[str, Any]) -> None:
    """Check the estimator's arguments, by their present names.

    Raises
    ------
    ValueError
        Naming the argument, its value and its range.
    """
    for name in ("alpha", "weight_prior"):
        if not 0.0 <= arguments[name] < np.inf:
            raise ValueError(f"{name} must be >= 0, got {arguments[name]!r}")
    if not 0.0 <= arguments["bound_gradient_weight"] <= 1.0:
        raise ValueError(f"bound_gradient_weight must be in [0, 1], got {arguments['bound_gradient_weight']!r}")
    strength = arguments["regularizer_strength"]
    if strength != "auto" and not 0.0 <= strength < np.inf:
        raise ValueError(f"regularizer_strength must be 'auto' or a number >= 0, got {strength!r}")
    if not 0.0 < arguments["clip_norm"] < np.inf:
        raise ValueError(f"clip_norm must be > 0, got {arguments['clip_norm']!r}")
    for name in ("epochs", "batch_size", "labeled_batch_size", "learning_rate"):
        _check_by_stage(name, arguments[name])
    if arguments["early_stopping"] is not None:
        check_early_stopping(arguments["early_stopping"])
    check_random_state(arguments["random_state"])


def check_random_state(value: object) -> None:
    """Check that a seed is None, a RandomState or an integer from 0 on.

    Raises
    ------
    ValueError
        If it is not.
    """
    if value is None or isinstance(value, np.random.RandomState):
        return
    if not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(f"random_state must be an int >= 0, a numpy RandomState or None, got {value!r}")


def check_early_stopping(settings: Mapping[str, Any]) -> None:
    """Check the keys of early stopping and their numbers.

    Raises
    ------
    ValueError
        Naming the key.
    """
    for name in settings:
        if name not in EARLY_STOPPING:
            raise ValueError(unknown("early_stopping key", name, sorted(EARLY_STOPPING)))
    for name in ("every", "patience", "samples"):
        whole(f"{name} of early stopping", settings.get(name, 1))
    share = settings.get("validation_fraction", 0.1)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 < share < 1.0:
        raise ValueError(f"validation_fraction of early_stopping must be above 0 and below 1, got {share!r}")


def _check_by_stage(name: str, value: object) -> None:
    """Check a number above 0, or a dict of such by stage."""
    if name == "labeled_batch_size" and value is None:
        return
    for number in value.values() if isinstance(value, Mapping) else [value]:
        if name == "epochs" and number == "auto":
            continue
        if not (isinstance(number, int | float | np.number) and 0 < number < np.inf):
            raise ValueError(f"{name} must be > 0 (or a dict of such by stage), got {value!r}")
