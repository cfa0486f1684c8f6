"""Semi-supervised classification with deep generative models.

>>> import ssvae
>>> ssvae.__version__
'0.1.0'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ssvae.registry import imported, lazy_names
from ssvae.settings.deprecation import MOVED, find_moved_modules

if TYPE_CHECKING:
    from ssvae import (
        bayes_nets,
        callbacks,
        datasets,
        gradients,
        inference,
        likelihoods,
        models,
        preprocessing,
        regularizers,
    )
    from ssvae.estimator.classifier import SSVAEClassifier, load
    from ssvae.objective import Objective

__version__ = "0.1.0"

__all__ = [
    "Objective",
    "SSVAEClassifier",
    "__version__",
    "bayes_nets",
    "callbacks",
    "datasets",
    "gradients",
    "inference",
    "likelihoods",
    "load",
    "models",
    "preprocessing",
    "regularizers",
]

# Names with a place of their own; every other public name is the module of that name. All are imported at their first
# use: importing ssvae must not import TensorFlow.
_PLACES = {
    "Objective": "ssvae.objective:Objective",
    "SSVAEClassifier": "ssvae.estimator.classifier:SSVAEClassifier",
    "load": "ssvae.estimator.classifier:load",
}
for _what in ("tensorflow_log", "keras_registration"):
    imported(f"ssvae.backend.{_what}:register")()
_get, __dir__ = lazy_names(
    __name__, {name: _PLACES.get(name, f"{__name__}.{name}") for name in __all__ if name != "__version__"}
)


def __getattr__(name: str) -> object:
    """Return a public name, or a former module with a FutureWarning."""
    return importlib.import_module(f"{__name__}.{name}") if f"{__name__}.{name}" in MOVED else _get(name)


find_moved_modules()
