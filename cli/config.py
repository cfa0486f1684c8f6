"""`ssvae config`: print settings, or write them to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ssvae.settings.checks import Settings, SettingsSource


@click.group()
def config() -> None:
    """Print settings, or write them to a file."""


@config.command("print")
@click.argument("name", required=False)
@click.option("--resolved", is_flag=True, help="With every default filled in.")
def print_(name: str | None, resolved: bool) -> None:
    """Print the settings NAME (shipped, or a file), or the names of the shipped settings."""
    from ssvae.settings.files import dump, load, shipped

    if name is None:
        click.echo("\n".join(shipped()))
        return
    source = load(name)
    click.echo(dump(_resolve(source) if resolved else source.values), nl=False)


@config.command()
@click.argument("file")
@click.option("--from", "name", default="digits", show_default=True, metavar="NAME", help="Settings to start from.")
@click.option("--overwrite", is_flag=True, help="Replace the file.")
def init(file: str, name: str, overwrite: bool) -> None:
    """Write settings with every default filled in to FILE, to be edited and given to `fit --config FILE`."""
    from ssvae.atomic_files import write_text
    from ssvae.settings.files import dump, load

    if Path(file).exists() and not overwrite:
        raise ValueError(f"{file} exists; choose another name, or replace it with --overwrite")
    write_text(file, dump(_resolve(load(name))))
    click.echo(f"wrote {file}; use it with `ssvae fit --config {file}`", err=True)


def _resolve(source: SettingsSource) -> Settings:
    from ssvae.settings.schema import resolve

    return resolve(source)
