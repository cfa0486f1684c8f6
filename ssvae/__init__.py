"""Semi-supervised classification with deep generative models.

>>> import ssvae
>>> ssvae.__version__
'0.1.0'
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING

from ssvae.registry import imported, lazy_names

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
# Former public modules -> what stands for them; they go in version 0.4.
_FORMER = {"stopping": "ssvae.callbacks", "quadrature": "ssvae.bayes_nets.grid_quadrature"}

imported("ssvae.backend.keras_registration:register")()
_get, __dir__ = lazy_names(
    __name__, {name: _PLACES.get(name, f"{__name__}.{name}") for name in __all__ if name != "__version__"}
)


def __getattr__(name: str) -> object:
    if name not in _FORMER:
        return _get(name)
    warnings.warn(
        f"ssvae.{name} has moved to {_FORMER[name]}; the old name is accepted until 0.4", FutureWarning, stacklevel=2
    )
    return importlib.import_module(_FORMER[name])
