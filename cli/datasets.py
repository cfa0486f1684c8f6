"""`ssvae datasets`: list the data sets, or fetch one."""

from __future__ import annotations

import click

from ssvae.cli.options import data_dir


@click.group(invoke_without_command=True)
@click.pass_context
def datasets(ctx: click.Context) -> None:
    """List the data sets, or fetch one."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@datasets.command("list")
@data_dir
def list_(data_dir: str | None = None) -> None:
    """List the data sets: size, and where their files are."""
    from ssvae.datasets.load import describe

    rows = [{key: str(value) for key, value in row.items()} for row in describe(data_dir)]
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in rows[0]}
    for row in [{key: key.replace("_", " ") for key in rows[0]}, *rows]:
        click.echo("  ".join(_cell(key, row[key], widths[key]) for key in row).rstrip())


@datasets.command()
@click.argument("name")
@data_dir
def fetch(name: str, data_dir: str | None) -> None:
    """Download the files of data set NAME that are not here yet, and verify all of them."""
    from ssvae.datasets.load import fetch_all

    paths = fetch_all(name, data_dir)
    for path in paths:
        click.echo(str(path))
    if not paths:
        click.echo(f"{name} needs no files", err=True)


def _cell(key: str, text: str, width: int) -> str:
    return text.ljust(width) if key in ("name", "where") else text.rjust(width)
