"""`ssvae reproduce`: train and measure the rows of a paper's table."""

from __future__ import annotations

from collections.abc import Mapping

import click

from ssvae.cli.options import data_dir, json_flag
from ssvae.cli.progress import to_stderr


@click.command()
@click.argument("table", metavar="TABLE")
@click.argument("rows", metavar="[ROW]...", nargs=-1)
@click.option("--runs", default="runs/reproduce", show_default=True, help="Folder of the trained rows.")
@click.option("--samples", type=click.IntRange(1), default=1000, show_default=True, help="Importance samples a row.")
@click.option("--test-rows", type=click.IntRange(1), default=10_000, show_default=True, help="Rows to measure.")
@click.option("--held-out", is_flag=True, help="Measure validation rows in place of test rows.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs to train for, in place of the row's own.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of weights, order and noise.")
@click.option("--list", "only_list", is_flag=True, help="List the rows and what the paper has.")
@data_dir
@json_flag
def reproduce(
    table: str,
    rows: tuple[str, ...],
    runs: str,
    samples: int,
    test_rows: int,
    held_out: bool,
    epochs: int | None,
    seed: int,
    only_list: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Train and measure rows of the TABLE of a paper, one after another; all of them where none is named.

    An interrupted row is continued when the command is given again, and a trained row is only measured. Every line has
    the paper's number beside the one measured here.
    """
    import json
    from pathlib import Path

    from ssvae.cli.quiet import start_tensorflow
    from ssvae.experiments.reproductions import REPRODUCTIONS
    from ssvae.registry import unknown

    known = REPRODUCTIONS.get(table)
    for name in {*rows} - {*known}:
        raise ValueError(unknown(f"row of table {table!r}", name, list(known)))
    if only_list:
        width = max(map(len, known))
        click.echo("\n".join(f"{name:<{width}}  {known[name].paper}" for name in rows or known))
        return
    start_tensorflow()
    from ssvae.experiments.reproductions.base import Measurement

    measurement = Measurement(samples, test_rows, held_out, seed)
    for name in rows or known:
        row = known[name] if epochs is None else known[name].shortened(epochs)
        folder = Path(runs) / table / (f"{name}-{seed}" if epochs is None else f"{name}-{seed}-{epochs}")
        found = row.run(name, folder, measurement, data_dir, to_stderr(name))
        click.echo(json.dumps(found) if as_json else _line(found))


def _line(numbers: Mapping[str, object]) -> str:
    """Return numbers as text, with two decimals."""
    shown = {key: f"{value:.2f}" if isinstance(value, float) else value for key, value in numbers.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items())
