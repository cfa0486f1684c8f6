"""Options that are short names for paths in the settings, and the order in which sources count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from ssvae.checks import Source

# Parameter -> path in the settings. --set reaches every other path.
PATHS = {
    "dataset": "dataset.name",
    "data": "dataset.data",
    "target": "dataset.target",
    "data_dir": "dataset.folder",
    "labels": "dataset.labels",
    "model": "classifier.model",
    "inference": "classifier.inference",
    "seed": "seed",
}


def setting(flag: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return an option for a path of the settings, also read from the environment as SSVAE_NAME."""
    variable = "SSVAE_" + flag.lstrip("-").replace("-", "_").upper()
    return click.option(flag, envvar=variable, show_envvar=True, **attributes)


data_dir = setting("--data-dir", metavar="FOLDER", help="Where the files of the data sets may lie.")
json_flag = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON on stdout, nothing else.")


def sources(ctx: click.Context, config: str | None, assignments: tuple[str, ...]) -> list[Source]:
    """Return where settings come from, the last word last.

    In rising order: the YAML file, the environment, the options on the command line, ``--set``.
    """
    from ssvae.config import assignment, load

    found = [load(config)] if config is not None else []
    for origin in (ParameterSource.ENVIRONMENT, ParameterSource.COMMANDLINE):
        found += _from_options(ctx, origin)
    return [*found, *[assignment(text) for text in assignments]]


def _from_options(ctx: click.Context, origin: ParameterSource) -> list[Source]:
    from ssvae.config import nested

    found = []
    for name, path in PATHS.items():
        if name in ctx.params and ctx.get_parameter_source(name) is origin:
            flag = "--" + name.replace("_", "-")
            label = flag if origin is ParameterSource.COMMANDLINE else f"SSVAE_{name.upper()} (environment)"
            if name == "data":  # a file in place of the data set that was named before
                found.append(nested(label, ["dataset", "name"], None))
            found.append(nested(label, path.split("."), ctx.params[name]))
    return found
