"""What workers of several processes agree on: the seed, rows and settings of a fit, and where an earlier one stood."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssvae.distributed import cluster
from ssvae.distributed.strategy import Places, places
from ssvae.training.callbacks import Checkpoint


def joined(strategy: Any) -> Places | None:
    """Return where replicas live if other processes have some of them, None if this one works alone.

    Raises
    ------
    ValueError
        If there are others, and the strategy would let each of them train alone and write the same run.
    """
    every, number = cluster.read()
    others = [address for place, address in enumerate(every) if place != number]
    if not others:
        return None
    if strategy not in ("auto", "multiworker"):
        raise ValueError(
            f"TF_CONFIG names {len(every)} workers, and strategy={strategy!r} would train on each of them alone: take "
            "'multiworker', or unset TF_CONFIG"
        )
    # Before, because TensorFlow waits for as long as it takes, and no thread of Python's runs meanwhile.
    print(f"worker {number} of {len(every)} waits for {', '.join(others)}", file=sys.stderr, flush=True)
    return places(strategy)


def same_seed(where: Places, seed: int) -> int:
    """Return the first worker's seed: without `random_state` each draws its own."""
    return int(where.from_first(str(seed).encode()))


def check_same(where: Places, fingerprint: Mapping[str, Any]) -> None:
    """Check that all workers train on the same rows by the same settings.

    Raises
    ------
    ValueError
        On every worker, if one has others than the first.
    """
    own = json.dumps(fingerprint, sort_keys=True)
    first = json.loads(where.from_first(own.encode()))
    different = [name for name, value in json.loads(own).items() if first.get(name) != value]
    if where.any(bool(different)):
        raise ValueError(
            f"the workers do not train alike, {', '.join(different) or 'something'} is not the same on all of them: "
            "give each the same command, data and versions"
        )


class SharedCheckpoint(Checkpoint):
    """The first worker's checkpoint, which all workers go on from and the first alone writes.

    Parameters
    ----------
    own : Checkpoint
    where : Places
    """

    def __init__(self, own: Checkpoint, where: Places) -> None:
        self.own, self.where = own, where

    def resume(self, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
        """See `Checkpoint.resume`."""
        kept = self.own.resume(fingerprint) if self.where.first else None
        state = self.where.from_first(self.own.path.read_bytes() if kept else b"")
        if self.where.first or not state:
            return kept
        with tempfile.TemporaryDirectory() as folder:
            copy = Checkpoint(Path(folder))
            copy.path.write_bytes(state)
            return copy.resume(fingerprint)

    def save(self, *arguments: Any, **options: Any) -> None:
        """See `Checkpoint.save`."""
        if self.where.first:
            self.own.save(*arguments, **options)
