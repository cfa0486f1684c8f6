"""The average of plain classifiers and of others whose probabilities are handed in, fitted by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np

from ssvae.averaging import MEMBERS, report
from ssvae.averaging.base import Member, TrainingRows
from ssvae.averaging.folds import deal
from ssvae.averaging.weights import Combination

Views: TypeAlias = Mapping[str, np.ndarray]  # [N, D] each
Report: TypeAlias = dict[str, Any]  # numbers by name, in dicts
# What of a row a member sees -> the members; trees do not like latents.
SEEN: dict[str, tuple[str, ...]] = {
    "columns": tuple(MEMBERS.names()),
    "latents": ("gaussian_mixture", "kernel_logistic_regression", "logistic_regression"),
}
LEARNT = ("latents",)  # views that rows without label have shaped
REPEATS = 3  # of the folds; a member may do with fewer
FEW = 500  # labelled rows: with more the folds are dealt once


class Average(NamedTuple):
    """A weighted average of classifiers: fitted members by "view/name", and others by a name alone."""

    members: dict[str, Member]
    names: tuple[str, ...]  # of all, in the order of the combination
    combination: Combination

    @classmethod
    def fit(cls, views: Mapping[str, TrainingRows], others: Mapping[str, np.ndarray], seed: int) -> tuple[Self, Report]:
        """Fit all members and their weights; return what cross-validation says of them, too.

        Parameters
        ----------
        views : Mapping of str to TrainingRows
            The same rows in each view of `SEEN` that there is.
        others : Mapping of str to ndarray [n, K]
            Probabilities of the labelled rows by classifiers that did not see the labels of their fold in
            ``folds_of(index, seed)[0]``; they use rows without label.
        seed : int
        """
        first = next(iter(views.values()))
        folds = folds_of(first.index, seed)
        scored = folds[0] >= 0
        found, members, unlabelled = {}, {}, {}
        for view, rows in views.items():
            for name in SEEN[view]:
                kind, where = MEMBERS.get(name), f"{view}/{name}"
                members[where] = kind().fit(rows)
                unlabelled[where] = kind.uses_unlabelled or view in LEARNT
                found[where] = _out_of_fold(kind, rows, folds)[:, scored]
        for name, probabilities in others.items():
            unlabelled[name] = True
            found[name] = np.repeat(probabilities[np.newaxis, scored], len(folds), axis=0)
        index = first.index[scored]
        combination = Combination.fit(np.stack([*found.values()]), index)
        numbers = _described(found, unlabelled, [fold[scored] for fold in folds], index, combination)
        return cls(members, tuple(found), combination), numbers

    def probabilities(self, views: Views, others: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return class probabilities [N, K] of rows, given their views, and the probabilities of the others."""
        own = [
            self.members[name].probabilities(views[name.partition("/")[0]]) if name in self.members else others[name]
            for name in self.names
        ]
        return self.combination(np.stack(own))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learnt, by name."""
        return {
            **{f"{name}/{key}": array for name, own in self.members.items() for key, array in own.arrays().items()},
            "temperatures": self.combination.temperatures,
            "weights": self.combination.weights,
            "temperature": np.asarray(self.combination.temperature),
        }

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the average whose `names` and `arrays` these are."""
        members = {}
        for name in names:
            start = f"{name}/"
            own = {key.removeprefix(start): array for key, array in arrays.items() if key.startswith(start)}
            if own:
                members[name] = MEMBERS.get(name.rpartition("/")[2]).from_arrays(own)
        combined = arrays["temperatures"], arrays["weights"], float(arrays["temperature"])
        return cls(members, tuple(names), Combination(*combined))


def folds_of(index: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return the folds [n] of labelled rows with class index [n], for each repeat."""
    return [deal(index, seed + repeat) for repeat in range(REPEATS if len(index) <= FEW else 1)]


def _out_of_fold(kind: type[Member], rows: TrainingRows, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Return probabilities [R, n, K] of the labelled rows, each by a member that did not see its fold's labels."""
    found = np.full((len(folds), len(rows.index), rows.classes), 1.0 / rows.classes)
    for repeat, fold in enumerate(folds[: kind.repeats]):
        for number in range(fold.max() + 1):
            held_out = fold == number
            found[repeat, held_out] = kind().fit(rows.without(held_out)).probabilities(rows.x[held_out])
    found[kind.repeats :] = found[0]
    return found


def _described(
    found: Mapping[str, np.ndarray],
    unlabelled: Mapping[str, bool],
    folds: Sequence[np.ndarray],
    index: np.ndarray,
    combination: Combination,
) -> Report:
    """Return the report, with weight and temperature of every member."""
    known = zip(found, combination.weights.tolist(), combination.temperatures.tolist(), strict=True)
    settings = {
        name: {"weight": weight, "temperature": temperature, "uses_unlabelled": unlabelled[name]}
        for name, weight, temperature in known
    }
    if len(index) < 2:
        return {"rows": len(index), "members": settings}
    numbers = report.describe(found, unlabelled, folds, index)
    members = {name: {**settings[name], **own} for name, own in numbers.pop("members").items()}
    return {**numbers, "folds": int(folds[0].max()) + 1, "repeats": len(folds), "members": members}
