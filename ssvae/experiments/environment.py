"""The environment of a run, which its numbers depend on besides its settings: versions, threads, devices, command."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy", "scipy", "scikit-learn")
VARIABLES = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "CUDA_VISIBLE_DEVICES",
    "TF_CONFIG",
    "SSVAE_LAUNCH",
)


def describe() -> dict[str, object]:
    """Return versions, threads, devices, processor count and the command line.

    The same settings give the same bits only at the same number of threads, which is why they are recorded.
    """
    import tensorflow as tf

    import ssvae

    return {
        "ssvae": ssvae.__version__,
        "python": platform.python_version(),
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": {  # 0: as many as there are processors
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "command": sys.argv,
    }
