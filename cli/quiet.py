"""Start TensorFlow without the log lines that it writes to stderr whatever its settings."""

from __future__ import annotations

import os


def start_tensorflow() -> None:
    """Import TensorFlow and run its first operation with file descriptor 2 redirected to nowhere.

    The lines come from C++ before TensorFlow reads its own log level, so that neither Python's stderr nor
    TF_CPP_MIN_LOG_LEVEL suppresses them. Exceptions are raised as always.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ssvae.backend.signals import held
    from ssvae.distributed import cluster

    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with held():  # an interrupted import cannot be continued
            import tensorflow as tf

        tf.config.list_physical_devices()
        if len(cluster.read().workers) < 2:  # workers must meet before their first operation
            tf.constant(1.0)
        tf.get_logger().setLevel("ERROR")  # its advice is for authors of TensorFlow programs, not for users of this one
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
