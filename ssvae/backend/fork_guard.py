"""Guard against forked processes, in which TensorFlow's threads are gone and its functions would wait forever."""

from __future__ import annotations

import os
import sys

_broken = False  # whether this process was forked from one in which TensorFlow had run
_running = False


def check() -> None:
    """Refuse to go on in a process in which TensorFlow would hang.

    Raises
    ------
    RuntimeError
        If this process was forked from one in which TensorFlow had run already.
    """
    if _broken:
        raise RuntimeError(
            f"process {os.getpid()} was forked after TensorFlow had run in its parent; without the parent's threads it "
            'would wait forever. Start processes by multiprocessing.get_context("spawn") or "forkserver", or by loky '
            "(joblib's n_jobs=2), or fork before the first fit"
        )


def _before() -> None:
    """Find out whether TensorFlow has run: the number of its threads can only be set before."""
    global _running
    tf = sys.modules.get("tensorflow")
    if tf is None or _running or not hasattr(tf, "config"):  # not there, or in the middle of its import
        return
    threading = tf.config.threading
    threads = threading.get_intra_op_parallelism_threads()
    try:
        threading.set_intra_op_parallelism_threads(threads + 1)
        threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        _running = True


def _in_child() -> None:
    global _broken
    _broken = _running


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
