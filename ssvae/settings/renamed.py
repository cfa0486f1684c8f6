"""Arguments of `SSVAEClassifier` under their former names: what older code, settings, runs and saved models mean.

A renamed argument is accepted under its old name for two minor versions, with a FutureWarning where a user wrote it
(CONTRIBUTING.md); files that the library wrote itself are read for ever and without one.
"""

from __future__ import annotations

from collections.abc import Mapping

from ssvae.settings.checks import Settings, SettingsSource
from ssvae.settings.deprecation import warn_deprecated

DEPRECATED = "deprecated"  # what the constructor's argument of an old name is where nothing was given

RENAMED = {"pull": "bound_gradient_weight"}  # old name -> name
# Argument -> the value that was fixed before it was one; of `safe` the default, so that older runs can be gone on with.
ADDED = {"clip_norm": 10.0, "weight_prior": 1.0, "regularizer_strength": 1.0, "columns": None, "safe": "auto"}


def warn(old: str, where: str = "") -> None:
    """Say that an argument has another name by now."""
    warn_deprecated(f"{where}{old}", RENAMED[old])


def refuse_both(old: str) -> None:
    """Refuse an argument that is given under both names."""
    raise ValueError(f"{old} is the old name of {RENAMED[old]}: give one")


def present_names(arguments: Mapping[str, object]) -> Settings:
    """Return arguments that an older version wrote under today's names, with those that it did not have.

    >>> found = present_names({"pull": 1.0, "alpha": 0.1})
    >>> found["bound_gradient_weight"], found["clip_norm"], "pull" in found
    (1.0, 10.0, False)
    """
    return ADDED | {RENAMED.get(name, name): value for name, value in arguments.items()}


def renamed(source: SettingsSource) -> SettingsSource:
    """Return settings with the classifier's arguments under today's names; an old one is a FutureWarning.

    Raises
    ------
    ValueError
        If an argument is given under both names.
    """
    arguments = source.values.get("classifier") if isinstance(source.values, Mapping) else None
    if not isinstance(arguments, Mapping) or not RENAMED.keys() & arguments.keys():
        return source
    for old in sorted(RENAMED.keys() & arguments.keys()):
        if RENAMED[old] in arguments:
            raise ValueError(f"{source.name}: classifier.{old} is the old name of classifier.{RENAMED[old]}: give one")
        warn(old, f"{source.name}: classifier.")
    values = {RENAMED.get(name, name): value for name, value in arguments.items()}
    lines = {_path(path): line for path, line in source.lines.items()}
    return SettingsSource(source.name, {**source.values, "classifier": values}, lines)


def _path(path: tuple[str, ...]) -> tuple[str, ...]:
    if path[:1] != ("classifier",) or len(path) < 2:
        return path
    return ("classifier", RENAMED.get(path[1], path[1]), *path[2:])
