"""The gap report: amortisation and approximation gap of every row, and a verdict.

References
----------
Inference Suboptimality in Variational Autoencoders (Cremer, Li and Duvenaud, 2018), table 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssvae.evaluation.log_likelihood import Estimate

SIGNIFICANT = 3.0  # standard errors that a mean must be away from 0 to count as another
NEGLIGIBLE = 0.1  # nats a row that are not worth a step
CLOSED = 0.9  # share of the amortisation gap that counts as closed
RELIABLE = 10.0  # effective draws below which log p is not to be relied on


class About(NamedTuple):
    """What was measured, and how."""

    of: str  # what the bounds are bounds of
    samples: int  # S, draws that measure every λ
    steps: int  # of the local optimisation
    refinement: int  # T of the fitted inference outside training
    start: str = "encoder"  # whose λ_0 refinement starts from


@dataclass(frozen=True)
class GapReport:
    """log p(x) − bound = approximation gap + amortisation gap, of N rows, in nats.

    Attributes
    ----------
    about : About
    encoder, inference, local : Estimate
        Estimates by draws from q at the λ of the recognition network (or where refinement starts), at those of the
        fitted inference, and at λ*, the local optimum of each row: log p, bound and effective sample size, [N] each.
    path : dict
        Estimate after t steps of gradient refinement with its defaults, by t.
    curve : dict
        Importance-weighted bound by number of draws, [2, N]: at the encoder's λ and at λ*.
    """

    about: About
    encoder: Estimate
    inference: Estimate
    local: Estimate
    path: Mapping[int, Estimate]
    curve: Mapping[int, np.ndarray]

    @property
    def amortisation(self) -> np.ndarray:
        """ELBO(λ*) − ELBO(encoder's λ), [N]: what the encoder costs."""
        return self.local.bound - self.encoder.bound

    @property
    def remaining(self) -> np.ndarray:
        """ELBO(λ*) − ELBO(λ of the fitted inference), [N]: what is left of the amortisation gap."""
        return self.local.bound - self.inference.bound

    @property
    def approximation(self) -> np.ndarray:
        """Log p − ELBO(λ*), [N]: what the family of q costs; too small where few draws have weight."""
        return self.local.log_p - self.local.bound

    @property
    def closed(self) -> float:
        """Share of the mean amortisation gap that the fitted inference closes."""
        return self._share(self.inference)

    @property
    def enough(self) -> int | None:
        """Steps of gradient refinement that close 90 % of the amortisation gap; None: more than were tried."""
        return next((steps for steps, found in self.path.items() if self._share(found) >= CLOSED), None)

    def _share(self, found: Estimate) -> float:
        whole = float(self.amortisation.mean())
        return float(np.mean(found.bound - self.encoder.bound)) / whole if whole > 0.0 else math.nan

    def verdict(self) -> str:
        """Return whether refinement helps here, by how many steps, what the limit is and what to try."""
        return " ".join([*self._help(), *self._limit(), *self._caution()])

    def _help(self) -> list[str]:
        gain = f"the best q of each row gains {_with_error(self.amortisation)} nats over the {self.about.start}'s."
        if not _significant(self.amortisation):
            small = self.amortisation.mean() + SIGNIFICANT * _error(self.amortisation) < NEGLIGIBLE
            return [f"Refinement {'does not' if small else 'is not shown to'} help here: {gain}"]
        found, steps = [f"Refinement helps here: {gain}"], _steps(self.about.refinement)
        if self.about.refinement and self.closed < 0.0:
            found += [f"The fitted inference ends below its start, in {steps}."]
        elif self.about.refinement:
            found += [f"The fitted inference closes {100 * self.closed:.0f} % of that in {steps}."]
        if self.enough is not None:
            return [*found, f"Gradient refinement closes 90 % of it in {_steps(self.enough)}."]
        last = max(self.path)
        return [
            *found,
            f"Gradient refinement closes {100 * self._share(self.path[last]):.0f} % of it in {_steps(last)}.",
        ]

    def _limit(self) -> list[str]:
        refined = bool(self.about.refinement)
        gap = f"{'what the fitted inference leaves' if refined else 'amortisation gap'} {_with_error(self.remaining)}"
        gap = f"({gap}, approximation gap {_with_error(self.approximation)} nats)"
        difference = self.remaining - self.approximation
        if not _significant(difference):
            return [f"Neither {_method(refined)} nor the family of q limits the bound more than the other {gap}."]
        if difference.mean() > 0:
            more = "more test_steps" if refined else "inference='gradient_refined' or 'iterative'"
            return [f"The limit is {_method(refined)} {gap}: try {more}, or a larger encoder."]
        latents = "a richer one, such as a hierarchy of latents (model='hierarchical')"
        return [f"The limit is the family of q {gap}: try {latents}, or inference='importance_weighted'."]

    def _caution(self) -> list[str]:
        effective = float(self.local.effective.mean())
        if effective >= min(RELIABLE, self.about.samples / 2):
            return []
        return [
            f"Of {self.about.samples} draws a row only {effective:.1f} have weight: log p and the approximation gap "
            "are larger than shown, take more samples."
        ]

    def numbers(self) -> dict[str, object]:
        """Return means over the rows as JSON can hold them, nats; gaps with their standard errors."""
        ends = {"encoder": self.encoder, "inference": self.inference, "local": self.local}
        return {
            "rows": len(self.local.bound),
            "of": self.about.of,
            "samples": self.about.samples,
            "steps": self.about.refinement,
            "local_steps": self.about.steps,
            **{f"bound_{name}": float(at.bound.mean()) for name, at in ends.items()},
            "log_p": float(self.local.log_p.mean()),
            **_gap("amortisation_gap", self.amortisation),
            **_gap("remaining_gap", self.remaining),
            **_gap("approximation_gap", self.approximation),
            "closed": self.closed,
            "steps_to_90_percent": self.enough,
            **{f"effective_{name}": float(at.effective.mean()) for name, at in ends.items()},
            "by_steps": {"steps": list(self.path), **_columns(self.path.values(), Estimate._fields)},
            "by_samples": {"samples": list(self.curve), **_columns(self.curve.values(), ("encoder", "local"))},
            "verdict": self.verdict(),
        }


def _columns(found: Iterable[Sequence[np.ndarray] | np.ndarray], names: Sequence[str]) -> dict[str, list[float]]:
    """Return means over rows, one column for each name."""
    return {
        name: [round(float(mean), 3) for mean in column]
        for name, column in zip(names, zip(*(np.mean(at, axis=-1) for at in found), strict=True), strict=True)
    }


def _error(values: np.ndarray) -> float:
    """Return the standard error of the mean over rows."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def _significant(values: np.ndarray) -> bool:
    return bool(abs(values.mean()) > SIGNIFICANT * _error(values))


def _with_error(values: np.ndarray) -> str:
    return f"{values.mean():.2f} ± {_error(values):.2f}"


def _gap(name: str, values: np.ndarray) -> dict[str, float]:
    return {name: float(values.mean()), f"{name}_se": _error(values)}


def _steps(count: int) -> str:
    return f"{count} step" if count == 1 else f"{count} steps"


def _method(refined: bool) -> str:
    return "the inference" if refined else "the encoder"
