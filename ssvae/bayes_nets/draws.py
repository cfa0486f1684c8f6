"""Posterior draws and their convergence diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssvae.bayes_nets import diagnostics

if TYPE_CHECKING:
    import arviz


@dataclass(frozen=True)
class Draws:
    """Draws from a posterior, with what the sampler reported and what they cost.

    Attributes
    ----------
    values : dict of array [draws, chains, rows, *shape]
        By the names of the latents.
    accepted : array [draws, chains, rows]
        Probability of acceptance.
    divergent : array [draws, chains, rows]
        Whether the trajectory diverged.
    gradients : int
        Evaluated by each chain for these draws; those of the warm-up are not counted.
    seconds : float
        For these draws, without compilation and warm-up.
    before : float
        Seconds before the first draw: compilation and warm-up.
    form : dict
        Of each latent.
    """

    values: dict[str, np.ndarray]
    accepted: np.ndarray
    divergent: np.ndarray
    gradients: int
    seconds: float
    before: float
    form: dict[str, str]

    def ess(self) -> dict[str, np.ndarray]:
        """Return the bulk effective sample size of every number, [rows, *shape]."""
        return {name: diagnostics.bulk_ess(value) for name, value in self.values.items()}

    def least_ess(self) -> float:
        """Return the least bulk effective sample size of all numbers."""
        return float(min(np.min(found) for found in self.ess().values()))

    def report(self) -> dict[str, float]:
        """Return the worst of every diagnostic over all numbers."""
        worst = {"ess_bulk": self.least_ess()}
        worst["ess_tail"] = float(min(np.min(diagnostics.tail_ess(v)) for v in self.values.values()))
        worst["r_hat"] = float(max(np.max(diagnostics.r_hat(v)) for v in self.values.values()))
        chains = self.accepted.shape[1]
        worst["ess_per_gradient"] = worst["ess_bulk"] / (self.gradients * chains)
        worst["ess_per_second"] = worst["ess_bulk"] / self.seconds
        return worst | {"accepted": float(self.accepted.mean()), "divergent": float(self.divergent.mean())}

    def to_arviz(self) -> arviz.InferenceData:
        """Return the draws for ArviZ, chains first, then draws; needs the package arviz.

        Raises
        ------
        ImportError
            If arviz is not installed.
        """
        try:
            import arviz
        except ImportError as error:
            raise ImportError("to_arviz needs ArviZ: pip install 'ssvae[arviz]'") from error
        stats = {"acceptance_rate": self.accepted, "diverging": self.divergent}
        groups = {
            group: {name: np.moveaxis(value, 1, 0) for name, value in of.items()}
            for group, of in (("posterior", self.values), ("sample_stats", stats))
        }
        old = arviz.__version__.startswith("0.")  # before 1.0 groups were arguments
        return arviz.from_dict(**groups) if old else arviz.from_dict(groups)
