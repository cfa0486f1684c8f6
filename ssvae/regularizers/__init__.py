"""Table of the regularizers of q(y | x)."""

from ssvae.registry import Registry

REGULARIZERS = Registry(
    "regularizer",
    {
    },
)
