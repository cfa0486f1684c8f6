"""`ssvae topics`: the words that each latent of a run's model makes more probable."""

from __future__ import annotations

import click

from ssvae.cli.options import json_flag
from ssvae.cli.quiet import start_tensorflow


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--words", type=click.IntRange(1), default=10, show_default=True, help="Words a topic.")
@click.option("--topics", "count", type=click.IntRange(1), help="Number of topics.  [default: all]")
@json_flag
def topics(run: str, words: int, count: int | None, as_json: bool) -> None:
    """Print the words that each latent of the run RUN makes more probable, the strongest latent first.

    A latent's strength is KL(p(word | 1) || p(word | 0)) in nats, the other latents at 0.
    """
    import json

    from ssvae.experiments import run_folder

    opened = run_folder.open_run(run)
    start_tensorflow()
    from ssvae.evaluation import topics as library

    names = opened.form["feature_names"] or [f"word{n}" for n in range(opened.classifier.model_.features)]
    found = library.topics(opened.classifier.model_, names, words)[:count]
    if as_json:
        click.echo(json.dumps([topic._asdict() for topic in found]))
        return
    for topic in found:
        click.echo(f"{topic.latent} {topic.strength:.3f}: {' '.join(topic.words)}")
