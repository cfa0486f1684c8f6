"""Command-line options that set a path of the settings, and the precedence of files, environment and options."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from ssvae.settings.checks import SettingsSource

Command = TypeVar("Command", bound=Callable[..., object])

# Parameter -> path in the settings. --set reaches every other path.
PATHS = {
    "dataset": "dataset.name",
    "data": "dataset.data",
    "target": "dataset.target",
    "unlabelled": "dataset.unlabelled_file",
    "labels_file": "dataset.labels_file",
    "test": "dataset.test",
    "group": "dataset.group",
    "drop": "dataset.drop",
    "id_columns": "dataset.id_columns",
    "stream": "dataset.stream",
    "no_label": "dataset.no_label",
    "data_dir": "dataset.folder",
    "labels": "dataset.labels",
    "model": "classifier.model",
    "inference": "classifier.inference",
    "strategy": "classifier.strategy",
    "safe": "classifier.safe",
    "seed": "seed",
}
WORDS = ("target", "no_label")  # parameters that name what is in files, not the files


def utf8(text: str) -> str:
    """Return a text of the command line as UTF-8: where the locale says ASCII, Python escapes what goes beyond it."""
    try:
        return text if os.path.exists(text) else os.fsencode(text).decode()
    except ValueError:  # another encoding, or no path
        return text


def setting(flag: str, **attributes: Any) -> Callable[[Command], Command]:
    """Return an option for a path of the settings, also read from the environment as SSVAE_NAME."""
    variable = "SSVAE_" + flag.partition("/")[0].lstrip("-").replace("-", "_").upper()
    return click.option(flag, envvar=variable, show_envvar=True, **attributes)


def number_or_path(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | str | None:
    """Return what was given as a number, if it is one: a count as int, a share as float."""
    try:
        return None if value is None else float(value) if not value.isdecimal() else int(value)
    except ValueError:
        return value


data_dir = setting("--data-dir", metavar="FOLDER", help="Folder of the data sets' files.")
json_flag = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON on stdout, nothing else.")


def settings_sources(ctx: click.Context, config: str | None, assignments: tuple[str, ...]) -> list[SettingsSource]:
    """Return the settings from each place, those that take precedence last.

    In rising order: the YAML file (without ``--config`` the shipped one for this data set and model, where there is
    one), the environment, the options on the command line, ``--set``.
    """
    from ssvae.registry import slot_name
    from ssvae.settings.files import assignment, load

    found = []
    for origin in (ParameterSource.ENVIRONMENT, ParameterSource.COMMANDLINE):
        found += _from_options(ctx, origin)
    found += [assignment(utf8(text)) for text in assignments]
    usual = [load(config)] if config is not None else shipped_for(found)
    if config is None and usual:
        dataset, model = (slot_name(slot) for slot in _choice(found))
        name = usual[0].name.removesuffix(".yaml")
        click.echo(f"settings shipped for {dataset} and {model}: {name} (--config chooses others)", err=True)
    return [*usual, *found]


def shipped_for(found: list[SettingsSource]) -> list[SettingsSource]:
    """Return the shipped settings for the data set and the model that the other sources choose, or nothing."""
    from ssvae.registry import slot_name
    from ssvae.settings.files import load, shipped

    data, slot = _choice(found)
    dataset, model = slot_name(data), slot_name(slot)
    for name in (f"{dataset}_{model}", str(dataset)):
        if name in shipped() and not (isinstance(data, dict) and data.get("data")):
            source = load(name)
            if slot_name(source.values["classifier"]["model"]) == model:
                return [source]
    return []


def _choice(found: list[SettingsSource]) -> tuple[Any, Any]:
    """Return the data set and the model that settings choose."""
    from ssvae.settings.files import merge

    usual = {"dataset": {"name": "digits"}, "classifier": {"model": {"name": "m1_m2"}}}
    chosen = merge(usual, *[source.values for source in found])
    return chosen["dataset"], chosen["classifier"]["model"]


def _from_options(ctx: click.Context, origin: ParameterSource) -> list[SettingsSource]:
    from ssvae.settings.files import nested

    found = []
    for name, path in PATHS.items():
        if name in ctx.params and ctx.get_parameter_source(name) is origin:
            flag = "--" + name.replace("_", "-")
            label = flag if origin is ParameterSource.COMMANDLINE else f"SSVAE_{name.upper()} (environment)"
            if name == "data":  # a file in place of the data set that was named before
                found.append(nested(label, ["dataset", "name"], None))
            value = ctx.params[name]
            if name in WORDS:
                value = [utf8(word) for word in value] if isinstance(value, tuple) else utf8(value)
            found.append(nested(label, path.split("."), list(value) if isinstance(value, tuple) else value))
    return found
