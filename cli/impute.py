"""`ssvae impute`: fill in the missing cells of a table."""

from __future__ import annotations

import click

from ssvae.cli.quiet import start_tensorflow


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("file", metavar="FILE")
@click.option("-o", "--out", required=True, metavar="CSV", help="Where to write the table.")
def impute(run: str, file: str, out: str) -> None:
    """Fill in the missing cells of the table FILE with the model of the run folder RUN.

    Each gets what the model makes of the cells of its row that are there: a number, the most probable category, a date.
    All other cells stay as they are written.
    """
    from ssvae.atomic_files import check_output, write_text
    from ssvae.experiments import exports, run_folder

    check_output(out, file)
    opened = run_folder.open_run(run)
    exports.read_rows(opened, file)
    start_tensorflow()
    text, filled = exports.impute(opened, file)
    write_text(out, text)
    click.echo(f"wrote {out}: {filled} cells filled in", err=True)
