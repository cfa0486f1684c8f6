"""`ssvae evaluate`: measure a run's model on the test rows."""

from __future__ import annotations

import click

from ssvae.cli.options import data_dir, json_flag


@click.command()
@click.argument("run", metavar="RUN")
@data_dir
@json_flag
def evaluate(run: str, data_dir: str | None, as_json: bool) -> None:
    """Measure the model of the run folder RUN on the test rows of its data set.

    Errors, recalls and the calibration error (ece) are percentages; bound and nll are nats a row.
    """
    from ssvae.cli.quiet import start_tensorflow

    start_tensorflow()
    from ssvae import evaluation, report, runs

    opened = runs.open_run(run)
    dataset = runs.load_dataset(opened.config, data_dir)
    if dataset.x_test is None:
        raise ValueError(f"data set {dataset.name!r} has no test rows")
    numbers = evaluation.evaluate(opened.classifier, dataset.x_test, dataset.y_test)
    click.echo(report.to_json(numbers) if as_json else report.lines(numbers), nl=not as_json)
