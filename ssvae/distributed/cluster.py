"""The cluster of TF_CONFIG: the addresses of the workers that train together, and the number of this one."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

FORM = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


class Cluster(NamedTuple):
    """The workers' addresses, none for a process that works alone, and the number of this process among them."""

    workers: list[str]
    number: int


def read() -> Cluster:
    """Return the cluster of the environment's TF_CONFIG.

    Raises
    ------
    ValueError
        If it is not of the form that TensorFlow reads.
    """
    text = os.environ.get("TF_CONFIG", "{}")
    try:
        config = json.loads(text)
        if not config.get("cluster"):
            return Cluster([], 0)
        jobs, task = config["cluster"], config["task"]
        chiefs, workers = (list(jobs.get(job, [])) for job in ("chief", "worker"))
        number = {"chief": 0, "worker": len(chiefs)}[task["type"]] + int(task["index"])
        return Cluster(chiefs + workers, range(len(chiefs + workers))[number])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"TF_CONFIG must be JSON as {FORM}, got {text!r} ({error!r})") from error


def write(cluster: Cluster) -> str:
    """Return TF_CONFIG for one worker."""
    return json.dumps({"cluster": {"worker": cluster.workers}, "task": {"type": "worker", "index": cluster.number}})
