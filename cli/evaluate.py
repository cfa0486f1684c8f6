"""`ssvae evaluate`: measure a run's model on the test rows."""

from __future__ import annotations

import click

from ssvae.cli.options import data_dir, json_flag
from ssvae.cli.progress import to_stderr
from ssvae.cli.quiet import start_tensorflow


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--log-p", type=click.IntRange(1), metavar="S", help="Estimate log p(x) by S importance samples a row: 5000, say."
)
@data_dir
@json_flag
def evaluate(run: str, log_p: int | None, data_dir: str | None, as_json: bool) -> None:
    """Measure the model of the run folder RUN on the test rows of its data set.

    Errors, recalls and the calibration error (ece) are percentages; bound, log_p and nll are nats a row.
    """
    from ssvae.experiments import report, run_folder

    opened = run_folder.open_run(run)
    x, y, _ = run_folder.load_test_rows(opened, data_dir)
    start_tensorflow()
    from ssvae.evaluation import metrics

    waiting = to_stderr("log p")
    numbers = metrics.evaluate(opened.classifier, x, y, log_p, waiting)
    click.echo(report.to_json(numbers) if as_json else report.lines(numbers), nl=not as_json)
