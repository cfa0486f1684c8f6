"""`ssvae predict`: classify the rows of a file."""

from __future__ import annotations

from typing import Literal

import click

from ssvae.cli.quiet import start_tensorflow


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("file", metavar="FILE")
@click.option("-o", "--out", default="-", metavar="CSV", help="Where to write the table.  [default: stdout]")
@click.option(
    "--via",
    type=click.Choice(["auto", "average", "encoder", "bayes", "bayes_at_mean"]),
    default="auto",
    show_default=True,
    metavar="WAY",
    help="`encoder` for q(y|x), `bayes` for p(y|x), `bayes_at_mean` for p(y|z1) of m1_m2 at the mean of z1, `average` "
    "where the safe mode was on in fit; `auto` is `average` there, and else `encoder`.",
)
@click.option("--bare", is_flag=True, help="Write the number of each row, from 0, in place of its cells.")
def predict(
    run: str, file: str, out: str, via: Literal["auto", "average", "encoder", "bayes", "bayes_at_mean"], bare: bool
) -> None:
    """Classify the rows of FILE with the model of the run folder RUN.

    FILE is a .npz, .csv, .tsv or .parquet file, or a folder of images, of the same form as the training data. The
    table has a line for each row: its cells as they are in FILE (of images the file's name, of arrays the row's number
    from 0), the predicted class, its probability (confidence), and the probability of every class.
    """
    from ssvae.atomic_files import check_output, write_text
    from ssvae.experiments import exports, run_folder

    check_output(out, file)
    opened = run_folder.open_run(run)
    rows, beside = exports.read_rows(opened, file), exports.rows_beside(opened, file, bare)
    start_tensorflow()
    text = exports.table(opened, rows, via, beside)
    if out == "-":
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        click.echo(f"wrote {out}", err=True)
