"""`ssvae sample`: draw new rows from a run's model."""

from __future__ import annotations

from pathlib import Path

import click

from ssvae.cli.quiet import start_tensorflow


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "-o", "--out", required=True, metavar="FILE", help="Picture (.png, images only) or table (.csv) to write."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sample.")
@click.option("--rows", type=click.IntRange(1, 1000), default=10, show_default=True, help="Rows of each class.")
def sample(run: str, out: str, rows: int, seed: int) -> None:
    """Draw new rows of every class from the model of the run folder RUN."""
    from ssvae.atomic_files import check_output
    from ssvae.experiments import exports, run_folder

    check_output(out)
    opened = run_folder.open_run(run)
    exports.check_samples_file(opened, Path(out))
    start_tensorflow()
    exports.write_samples(opened, rows, out, seed)
    click.echo(f"wrote {out}", err=True)
