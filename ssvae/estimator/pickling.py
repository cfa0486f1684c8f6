"""Pickling of fitted estimators, with the Keras model as its configuration and weights."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from ssvae.models.base import Model


class PicklableEstimator(BaseEstimator):
    """An estimator whose `model_` is pickled small and exactly; a base class of `SSVAEClassifier`."""

    model_: Model

    def __getstate__(self) -> dict[str, object]:
        """Replace the Keras model by its class, configuration and weights."""
        state = super().__getstate__()
        if "model_" in state:
            model = state["model_"]
            state = {**state, "model_": (type(model), model.get_config(), model.get_weights())}
        return state

    def __setstate__(self, state: dict[str, tuple[type[Model], dict[str, object], list[np.ndarray]]]) -> None:
        """Rebuild the Keras model."""
        restored: dict[str, object] = {**state}
        if "model_" in state:
            kind, config, weights = state["model_"]
            restored["model_"] = model = kind.from_config(config)
            model.set_weights(weights)
        super().__setstate__(restored)
