"""Start TensorFlow without the log lines that it writes to stderr whatever its settings."""

from __future__ import annotations

import os


def start_tensorflow() -> None:
    """Import TensorFlow and run its first operation without its log. Exceptions are raised as always."""
    from ssvae.backend import tensorflow_log
    from ssvae.backend.signals import held
    from ssvae.distributed import cluster

    os.environ.setdefault(tensorflow_log.LEVEL, "2")
    with tensorflow_log.quiet():
        with held():  # an interrupted import cannot be continued
            import tensorflow as tf

        tf.config.list_physical_devices()
        if len(cluster.read().workers) < 2:  # workers must meet before their first operation
            tf.constant(1.0)
        tf.get_logger().setLevel("ERROR")  # its advice is for authors of TensorFlow programs, not for users of this one
