"""`ssvae gap`: the distance of a run's bound from log p, split into its causes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssvae.cli.options import data_dir, json_flag
from ssvae.cli.progress import to_stderr
from ssvae.cli.quiet import start_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from ssvae import SSVAEClassifier


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--rows", type=click.IntRange(1), default=1000, show_default=True, help="Test rows to measure.")
@click.option("--steps", type=click.IntRange(1), default=500, show_default=True, help="Steps of optimisation.")
@click.option("--samples", type=click.IntRange(2), default=500, show_default=True, help="Samples that measure each q.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the rows and the samples.")
@click.option("-o", "--out", metavar="PNG", help="Picture of bounds by steps and by samples to write.")
@click.option("--figures", metavar="FOLDER", help="Pictures of refinement at work on 200 of the rows to write.")
@data_dir
@json_flag
def gap(
    run: str,
    rows: int,
    steps: int,
    samples: int,
    seed: int,
    out: str | None,
    figures: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Measure how far the bound of the run RUN is below log p on test rows, and why.

    The amortisation gap is what the encoder loses against the best q of each row, found by local optimisation; the
    approximation gap is what the family of q loses even then, with log p by importance sampling (Cremer et al. 2018).
    Numbers are means in nats a row. Use them to report on a model, not to choose settings: the rows are test rows.
    """
    import numpy as np

    from ssvae.atomic_files import PICTURES, check_output
    from ssvae.experiments import report, run_folder

    if out is not None:
        check_output(out, suffixes=PICTURES)
    opened = run_folder.open_run(run)
    x, _, dataset = run_folder.load_test_rows(opened, data_dir)
    start_tensorflow()
    from ssvae.plots import gap_figures, run_figures

    x = x[np.random.default_rng(seed).permutation(len(x))[:rows]]
    found = opened.classifier.elbo_gap(x, steps, samples, seed, to_stderr("gap"))
    numbers = found.numbers()
    click.echo(report.to_json(numbers) if as_json else report.lines(numbers), nl=not as_json)
    if out is not None:
        run_figures.save(gap_figures.overview(found), Path(out))
        click.echo(f"wrote {out}", err=True)
    if figures is not None:
        _draw_refinement(opened.classifier, np.asarray(x[:200]), dataset.image_shape, Path(figures))


def _draw_refinement(
    classifier: SSVAEClassifier, x: np.ndarray, image_shape: tuple[int, ...] | None, folder: Path
) -> None:
    from ssvae.plots import refinement_figures

    for name, reason in refinement_figures.draw_all(classifier, x, image_shape, folder).items():
        click.echo(f"no {name}: {reason}", err=True)
    click.echo(f"wrote pictures to {folder}", err=True)
