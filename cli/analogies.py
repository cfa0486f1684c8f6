"""`ssvae analogies`: draw test rows with their class changed."""

from __future__ import annotations

from pathlib import Path

import click

from ssvae.cli.options import data_dir
from ssvae.cli.quiet import start_tensorflow


@click.command()
@click.argument("run", metavar="RUN")
@click.option("-o", "--out", required=True, metavar="PNG", help="Picture to write.")
@click.option("--rows", type=click.IntRange(1, 100), default=10, show_default=True, help="Test rows to show.")
@data_dir
def analogies(run: str, out: str, rows: int, data_dir: str | None) -> None:
    """Draw analogies with the model of the run folder RUN.

    In each line of the grid the latent z comes from the test image on the left, and the class is swept over all
    classes (Kingma et al. 2014, figure 1). For a table of columns, one row's columns are drawn as a heat table.
    """
    from ssvae.atomic_files import PICTURES, check_output
    from ssvae.experiments import run_folder

    check_output(out, suffixes=PICTURES)
    opened = run_folder.open_run(run)
    dataset = run_folder.load_dataset(opened.config, data_dir)
    start_tensorflow()
    from ssvae.plots import run_figures

    run_figures.save(run_figures.analogies(opened.classifier, dataset, rows), Path(out))
    click.echo(f"wrote {out}", err=True)
