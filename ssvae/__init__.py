"""Semi-supervised classification with deep generative models.

>>> import ssvae
>>> ssvae.__version__
'0.1.0'
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> where it lives. Resolved on first use: importing ssvae must not import TensorFlow.
_LAZY = {"SSVAEClassifier": "ssvae.estimator.classifier", "load": "ssvae.estimator.classifier"}

__all__ = ["SSVAEClassifier", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'ssvae' has no attribute {name!r}; its public names are {sorted(_LAZY)}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
