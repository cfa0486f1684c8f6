"""Arrays kept in one file, so that what was interrupted goes on; never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssvae.atomic_files import write_bytes


def keep(path: Path, arrays: Mapping[str, Any], what: str) -> None:
    """Write arrays by name, whole or not at all, with a word of what they belong to."""
    from safetensors.numpy import save

    write_bytes(path, save({name: np.asarray(v) for name, v in arrays.items()}, {"what": what}))


def restore(path: Path, what: str) -> dict[str, np.ndarray]:
    """Return the arrays that `keep` wrote.

    Raises
    ------
    ValueError
        If the file cannot be read, or belongs to something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            found = file.metadata()["what"]
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}): remove it to start anew") from error
    if found != what:
        raise ValueError(f"{path} was made with other settings or data: remove it, or choose another folder")
    return arrays
