"""`ssvae fit`: train a classifier on partly labelled data."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssvae.cli import options
from ssvae.cli.options import data_dir, json_flag, number_or_path, setting, settings_sources

if TYPE_CHECKING:
    from ssvae.settings.checks import Settings

EPILOG = """\b
Settings take precedence in this order: --set, options, the environment
(SSVAE_LABELS, SSVAE_MODEL, ...), the YAML file of --config (without it, the
settings shipped for this data set and model), the constructors' defaults.
Another name (--inference iterative where the YAML file has {name: amortized,
kl_warm_up: 0.0}) starts with the defaults of what it names;
--set classifier.inference.steps=10 then changes its arguments.

\b
What is minimised, in nats a row (Kingma et al. 2014, eq. 9):
  -[ (N_l/N) mean_l L + (N_u/N) mean_u U ] + alpha mean_l CE
L and U are the lower bounds of log p(x, y) and log p(x), CE the cross-entropy
of q(y|x) on labelled rows, alpha = 0.1, N = all rows (the authors' summed form:
0.1 N / N_l on each labelled row). --set classifier.alpha=0.2 changes it.
Regularizers of q(y|x) count as CE does (classifier.regularizers; [] for none),
weights have the prior N(0, I), and the bound's gradient reaches q(y|x) times
classifier.bound_gradient_weight: 1 and no regularizers are the paper's objective.

\b
Examples:
  ssvae fit --labels 100
  ssvae fit --dataset mnist --labels 100 --model m2 --seed 3
  ssvae fit --data table.csv --target species --labels 30
  ssvae fit --inference gradient_refined --set classifier.inference.refine_at=predict
  ssvae fit --set classifier.model.latent=20 --set classifier.epochs=50"""

ANYWHERE = ("dataset.folder", "dataset.stream", "classifier.verbose", "classifier.strategy")  # no results depend on it


@click.command(epilog=EPILOG)
@setting("--dataset", metavar="NAME", help="Data set by name, see `ssvae datasets`.  [default: digits]")
@setting(
    "--data",
    metavar="PATH",
    help="A .npz, .npy, .h5, .csv, .tsv, .parquet or .tfrecord file, or a folder of images per class.",
)
@setting("--target", metavar="COLUMN", help="Column of --data that holds the labels; of a .npy file, another one.")
@setting("--no-label", multiple=True, metavar="WORD", help="A label that means that a row has none; may be repeated.")
@setting("--unlabelled", metavar="FILE", help="A second table, of rows without a label: the same columns by name.")
@setting("--labels-file", metavar="FILE", help="A table of files' names and labels, of a folder of images.")
@setting(
    "--test",
    metavar="ROWS",
    callback=number_or_path,
    help="Test rows of --data: a share (0.2) or number of the labelled rows, or a second table.  [default: none]",
)
@setting("--group", metavar="COLUMN", help="Rows of one value in this column stay together when rows are held out.")
@setting("--drop", multiple=True, metavar="COLUMN", help="A column to leave out; may be repeated.")
@click.option(
    "--id", "id_columns", multiple=True, metavar="COLUMN", help="A column that tells the rows apart; may be repeated."
)
@setting("--stream/--no-stream", default=False, help="Leave the rows of --data on disk, read as they are needed.")
@data_dir
@setting(
    "--labels", type=int, metavar="N", help="Rows that keep their label, in equal numbers a class.  [default: 100]"
)
@setting("--model", metavar="NAME", help="Model: m1, m2, m1_m2, ...  [default: m1_m2]")
@setting("--inference", metavar="NAME", help="Inference method.  [default: amortized]")
@setting(
    "--strategy",
    metavar="NAME",
    help="Devices to train on: auto, one, mirrored, multiworker (whose "
    "ports are open to all that reach this machine).  [default: auto]",
)
@setting(
    "--safe/--no-safe",
    default=None,
    help="Answer by an average of the model with plain classifiers, weighted by cross-validation.  [default: for "
    "tables with few labels]",
)
@setting("--seed", type=int, metavar="N", help="Seed of the choice of labelled rows and of the training.  [default: 0]")
@setting("--config", metavar="FILE", help="YAML file, or the name of shipped settings (`ssvae config print`).")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any setting by path; may be repeated.")
@setting(
    "--out",
    metavar="FOLDER",
    help="Run folder.  [default: runs/DATASET-MODEL-LABELS-SEED, -INFERENCE after the model if not amortized, and a "
    "number at the end for other settings]",
)
@click.option("--resume", is_flag=True, help="Continue the unfinished run in the folder.")
@click.option("--overwrite", is_flag=True, help="Replace the run in the folder.")
@json_flag
@click.pass_context
def fit(
    ctx: click.Context,
    config: str | None,
    assignments: tuple[str, ...],
    out: str | None,
    resume: bool,
    overwrite: bool,
    as_json: bool,
    **_: object,  # the settings' options: `settings_sources` reads them from ctx, with where they came from
) -> None:
    """Train a classifier on partly labelled data and write model, metrics and report to a run folder."""
    if resume and overwrite:
        raise click.UsageError("--resume continues a run and --overwrite replaces it; give one of the two")
    given = settings_sources(ctx, config, assignments)
    from ssvae.cli.quiet import start_tensorflow
    from ssvae.distributed import cluster, exposure

    if notice := exposure.notice(cluster.read()):
        click.echo(notice, err=True)
    from rich.console import Console

    from ssvae.experiments import report, run
    from ssvae.settings import schema

    settings = schema.resolve(*given)
    folder = Path(out) if out else default_folder(settings)
    try:
        metrics = run.run(
            settings,
            folder,
            overwrite=overwrite,
            resume=resume,
            progress=True,
            console=Console(stderr=True),
            start=start_tensorflow,
        )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"`{resume_command()}` continues from the last saved state.") from interrupt
    if as_json and metrics:
        click.echo(report.to_json(metrics), nl=False)


def default_folder(settings: Settings) -> Path:
    """Return runs/DATASET-MODEL-LABELS-SEED, with what else tells these settings from those of the plain command.

    These are the column of labels, the inference method where it is not amortized, and a number that stands for every
    other setting that differs.
    """
    from ssvae.registry import slot_name

    dataset, classifier = settings["dataset"], settings["classifier"]
    model, inference = (slot_name(classifier[slot]) for slot in ("model", "inference"))
    data = dataset.get("name") or Path(dataset["data"]).stem
    target = [] if dataset.get("target") is None else [_as_name(str(dataset["target"]))]
    words = [data, *target, model, *([] if inference == "amortized" else [inference])]
    labels = "all" if dataset["labels"] is None else dataset["labels"]
    own = _different(settings, model, inference)
    number = [hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()[:6]] if own else []
    return Path("runs") / "-".join(str(word) for word in (*words, labels, settings["seed"], *number))


def _as_name(text: str) -> str:
    """Return text without what names of folders may not hold."""
    return re.sub(r"[^\w.+]+", "_", text)


def _different(settings: Settings, model: object, inference: object) -> dict[str, object]:
    """Return the settings that are not those of the plain command for the same data, model, labels and seed."""
    from ssvae.settings.checks import SettingsSource
    from ssvae.settings.schema import resolve

    data = {key: settings["dataset"].get(key) for key in ("name", "data", "target", "labels")}
    own = {"dataset": data, "classifier": {"model": model, "inference": inference}, "seed": settings["seed"]}
    given = SettingsSource("", own)
    plain, now = _flat(resolve(*options.shipped_for([given]), given)), _flat(settings)
    return {key: now.get(key) for key in {*plain, *now} - {*ANYWHERE} if plain.get(key) != now.get(key)}


def _flat(settings: Settings) -> dict[str, object]:
    """Return the settings of data set and classifier by path, a component without arguments as its name."""
    parts = ((part, settings[part]) for part in ("dataset", "classifier"))
    found = {f"{part}.{key}": value for part, values in parts for key, value in values.items()}
    return {key: v["name"] if isinstance(v, dict) and {*v} == {"name"} else v for key, v in found.items()}


def resume_command() -> str:
    """Return the command line that continues this run."""
    words = [word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")]
    return shlex.join(["ssvae", *words, "--resume"])
