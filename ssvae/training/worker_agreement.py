"""Agreement of the workers of several processes on seed, rows and settings of a fit, and on its checkpoint."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ssvae.distributed import cluster
from ssvae.distributed.strategy import ReplicaLayout, Strategy, layout_of
from ssvae.training.callbacks import History, State
from ssvae.training.checkpoint import Checkpoint, Fingerprint, Resumed


def joined(strategy: Strategy) -> ReplicaLayout | None:
    """Return the layout of the replicas if other processes have some of them, None if this one works alone.

    Raises
    ------
    ValueError
        If there are others, and the strategy would let each of them train alone and write the same run.
    """
    workers, number = cluster.read()
    others = [address for other, address in enumerate(workers) if other != number]
    if not others:
        return None
    if strategy not in ("auto", "multiworker"):
        raise ValueError(
            f"TF_CONFIG names {len(workers)} workers, and strategy={strategy!r} would train on each of them alone: "
            "take 'multiworker', or unset TF_CONFIG"
        )
    # Before, because TensorFlow waits for as long as it takes, and no thread of Python's runs meanwhile.
    print(f"worker {number} of {len(workers)} waits for {', '.join(others)}", file=sys.stderr, flush=True)
    return layout_of(strategy)


def same_seed(layout: ReplicaLayout, seed: int) -> int:
    """Return the first worker's seed: without `random_state` each draws its own."""
    return int(layout.from_first(str(seed).encode()))


def check_same(layout: ReplicaLayout, fingerprint: Fingerprint) -> None:
    """Check that all workers train on the same rows with the same settings.

    Raises
    ------
    ValueError
        On every worker, if one has others than the first.
    """
    own = json.dumps(fingerprint)
    first = json.loads(layout.from_first(own.encode()))
    different = [name for name, value in json.loads(own).items() if first.get(name) != value]
    if layout.any(bool(different)):
        raise ValueError(
            f"the workers do not train alike, {', '.join(different) or 'something'} is not the same on all of them: "
            "give each the same command, data and versions"
        )


class SharedCheckpoint(Checkpoint):
    """The first worker's checkpoint: all workers resume from it, and only the first writes it.

    Parameters
    ----------
    own : Checkpoint
    layout : ReplicaLayout
    """

    def __init__(self, own: Checkpoint, layout: ReplicaLayout) -> None:
        self.own, self.layout = own, layout

    def resume(self, fingerprint: Fingerprint) -> Resumed | None:
        """See `Checkpoint.resume`."""
        kept = self.own.resume(fingerprint) if self.layout.first else None
        state = self.layout.from_first(self.own.path.read_bytes() if kept else b"")
        if self.layout.first or not state:
            return kept
        with tempfile.TemporaryDirectory() as folder:
            copy = Checkpoint(Path(folder))
            copy.path.write_bytes(state)
            return copy.resume(fingerprint)

    def save(
        self,
        done: Mapping[str, list[np.ndarray]],
        state: State | None,
        history: History,
        best: list[np.ndarray] | None = None,
        force: bool = False,
    ) -> None:
        """See `Checkpoint.save`."""
        if self.layout.first:
            self.own.save(done, state, history, best, force)
