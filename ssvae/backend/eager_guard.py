"""Guard against calls from inside TensorFlow's graphs, where there are no numbers yet to learn from."""

from __future__ import annotations

import tensorflow as tf


def check() -> None:
    """Refuse to go on while TensorFlow traces a graph.

    Raises
    ------
    RuntimeError
        Inside a tf.function, a tf.Graph or a function of tf.data, or where eager execution is off.
    """
    if not tf.executing_eagerly():
        raise RuntimeError(
            "a classifier cannot be used inside tf.function, tf.Graph or a function of tf.data, nor with eager "
            "execution off: it trains and predicts by compiled functions of its own; call it outside, on NumPy arrays"
        )
