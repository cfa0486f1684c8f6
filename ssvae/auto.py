"""What "auto" stands for, read off the data."""

from __future__ import annotations

from typing import Any

import numpy as np


def likelihood_and_preprocessing(x: np.ndarray, likelihood: Any, preprocessing: Any) -> tuple[Any, Any]:
    """Replace "auto" by what suits x [N, D].

    All values 0 or 1, or all in [0, 1]: Bernoulli on x as it is (grey levels are resampled to binary values). Anything
    else: Gaussian on standardised columns.
    """
    inside = bool(x.min() >= 0.0 and x.max() <= 1.0)
    name = likelihood.get("name") if isinstance(likelihood, dict) else likelihood
    if name == "auto":
        plain = preprocessing in ("auto", "identity")
        likelihood = "bernoulli" if inside and plain else "gaussian"
    if preprocessing == "auto":
        binary = likelihood == "bernoulli" or type(likelihood).__name__ == "Bernoulli" or name == "bernoulli"
        preprocessing = "identity" if binary else "standardize"
    return likelihood, preprocessing
