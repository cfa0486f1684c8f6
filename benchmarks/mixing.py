"""How fast chains mix on Kingma's dynamic Bayes net: ssvae, NumPyro, BlackJAX, and HMC in numpy, by turns.

The net of `ssvae reproduce auxiliary`: 20 steps of 10 latents, with one bit observed of each. The first table has the
least bulk ESS of the 200 latents a gradient, at several σ, in original and auxiliary form. The second has that ESS a
second of wall and CPU time, without compilation and warm-up, at σ = 0.1 and several numbers of chains, and the seconds
to the first draw.

    pip install -e '.[bench]'
    python benchmarks/mixing.py
    python benchmarks/mixing.py --contenders ours,numpy --scales 0.1 --chains 32 --rounds 1

Every round has its own seed for net, data and chains; figures are medians over rounds. All ESS are computed by
`ssvae.bayes_nets.diagnostics`. Means and variances of z are compared, and the command fails where contenders differ.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import interleave
import mixing_cells
import numpy as np
from machine import describe, lines

HERE = Path(__file__).parent
SPEED = 0.1  # σ of the second table
FARTHEST = 5.0  # standard errors
FORMS = ("original", "auxiliary", "auto")
OURS: dict[str, dict[str, Any]] = {"ours": {}, "ours-nuts": {"sampler": "nuts"}, "ours-chees": {"sampler": "chees"}}
JAX = ("numpyro-nuts", "numpyro-hmc", "blackjax-nuts", "blackjax-hmc", "blackjax-chees", "blackjax-meads")
CONTENDERS = {
    **{name: ("mixing.py", "--work", name) for name in OURS},
    **{name: ("jax_chains.py", name) for name in JAX},
    "numpy-hmc": ("numpy_chains.py",),
}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # numpy's; the others do not use it
Plan = tuple[float, str, int]  # σ, form, chains
Found = dict[str, list[interleave.Answer]]  # of every contender, a round each


def work(name: str) -> None:
    """Serve one of this package's contenders."""
    from ssvae.bayes_nets.sampling import sample
    from ssvae.experiments.reproductions.mixing import dynamic_net

    def prepare(cell: dict[str, Any]) -> interleave.Run:
        net, data = dynamic_net(cell["scale"], cell["seed"]), {"x": np.array([cell["x"]], np.float32)}
        how = {key: cell[key] for key in ("form", "chains", "draws", "warm_up", "seed")} | OURS[name]

        def run(count: int) -> dict[str, Any]:
            del count
            marks: list[tuple[int, float]] = []  # steps done, CPU-seconds
            draws = sample(net, data, progress=lambda done, total: marks.append((done, time.process_time())), **how)
            done, warm = next(mark for mark in marks if mark[0] >= cell["warm_up"])
            cpu = (marks[-1][1] - warm) * cell["draws"] / (marks[-1][0] - done)
            clocks = {"seconds": draws.seconds, "cpu": cpu, "before": draws.before}
            found = mixing_cells.summary(draws.values["z"][:, :, 0], draws.gradients, **clocks)
            return found | {"divergent": float(draws.divergent.mean()), "note": draws.form["z"]}

        return run

    interleave.serve(prepare)


def by_turns(workers: list[interleave.Worker], cells: list[dict[str, Any]], say: Any) -> Found:
    """Return the answers of every worker that supports the cells, one a cell; cells differ by their seeds."""
    found: Found = {}
    for turn, cell in enumerate(cells):
        for i, worker in enumerate(workers):
            say(f"{worker.name}, round {turn + 1} of {len(cells)}", (turn + i / len(workers)) / len(cells))
            if "unfit" not in worker.ask({"prepare": cell}):
                found.setdefault(worker.name, []).append(worker.ask({"run": 1}))
    return found


def middle(answers: list[interleave.Answer], of: str, over: str | None = None) -> float:
    """Return the median over rounds of a number, or of the ratio of two."""
    return float(np.median([answer[of] / (answer[over] if over else 1.0) for answer in answers]))


def farthest(found: Found) -> tuple[float, str]:
    """Return the largest deviation of a contender's moment from the others', in standard errors, and the contender."""
    scores = {}
    for name in found if len(found) > 1 else ():
        for turn, own in enumerate(found[name]):
            others = [answers[turn] for other, answers in found.items() if other != name]
            for moment, value in own["moments"].items():
                weights = np.array([answer["errors"][moment] for answer in others]) ** -2.0
                mean = np.average([answer["moments"][moment] for answer in others], axis=0, weights=weights)
                error = np.sqrt(np.square(own["errors"][moment]) + 1.0 / weights.sum(axis=0))
                score = float(np.max(np.abs(value - mean) / error))
                scores[f"{moment} of {name}, round {turn + 1}"] = score if np.isfinite(score) else np.inf
    whose = max(scores, key=lambda name: scores[name], default="nobody")
    return scores.get(whose, 0.0), whose


def mixing_rows(scale: float, forms: dict[str, Found]) -> list[str]:
    """Return the lines of the first table for one σ."""
    said = []
    for name, auxiliary in forms["auxiliary"].items():
        text = f"{scale:5g} {name:<15}"
        for form in FORMS:
            answers = forms[form].get(name)
            figures = f"{middle(answers, 'ess', 'gradients'):.5f} ({middle(answers, 'r_hat'):.3f})" if answers else ""
            text += f"{figures:>18}"
        if name in forms["original"]:
            ratio = middle(auxiliary, "ess", "gradients") / middle(forms["original"][name], "ess", "gradients")
            text += f"{ratio:8.1f}  {', '.join(answer['note'] for answer in forms['auto'][name])}"
        said.append(text)
    return said


def speed_rows(chains: int, found: Found) -> list[str]:
    """Return the lines of the second table for one number of chains, the quickest first."""
    said = []
    for name, answers in sorted(found.items(), key=lambda pair: -middle(pair[1], "ess", "seconds")):
        wall, cpu, each = (middle(answers, "ess", over) for over in ("seconds", "cpu", "gradients"))
        rate = middle(answers, "gradients", "seconds") / 1e6
        r_hat, lost, before = (middle(answers, of) for of in ("r_hat", "divergent", "before"))
        notes = ", ".join(answer.get("note", "") for answer in answers)
        text = f"{chains:6} {name:<15}{wall:10,.0f}{cpu:12,.0f}{each:12.5f}{rate:12.3f}"
        said.append(f"{text}{r_hat:8.3f}{lost:11.5f}{before:8.1f}  {notes}".rstrip())
    return said


def report(found: dict[Plan, Found]) -> None:
    """Print both tables and the contenders' agreement; fail where they disagree."""
    scales, first = dict.fromkeys(scale for scale, form, _ in found if form == "auto"), next(iter(found))[2]
    click.echo(f"\nleast ESS a gradient (R-hat), {first} chains")
    click.echo(f"{'σ':>5} {'':<15}" + "".join(f"{form:>18}" for form in FORMS) + f"{'ratio':>8}  auto took")
    for scale in scales:
        click.echo("\n".join(mixing_rows(scale, {form: found[scale, form, first] for form in FORMS})))
    click.echo(
        f"\nσ = {SPEED}, auxiliary form: least ESS a second, CPU-second and gradient; millions of gradients a second"
    )
    click.echo(
        f"chains {'':<15}{'second':>10}{'CPU-second':>12}{'gradient':>12}{'gradients':>12}   R-hat  divergent  before"
    )
    for (scale, form, chains), of in found.items():
        if (scale, form) == (SPEED, "auxiliary"):
            click.echo("\n".join(speed_rows(chains, of)))
    apart = {plan: farthest(of) for plan, of in found.items() if plan[1] == "auxiliary"}
    plan = max(apart, key=lambda plan: apart[plan][0])
    said = f"{apart[plan][0]:.1f} standard errors: {apart[plan][1]}, σ = {plan[0]:g}, {plan[2]} chains"
    if apart[plan][0] > FARTHEST:
        raise click.ClickException(f"a moment is off by {said}: contenders draw from different posteriors")
    click.echo(f"\nall draw from one posterior: no moment is off by more than {said}")


def measure(names: list[str], plans: list[Plan], draws: int, warm_up: int, rounds: int, file: Path | None) -> None:
    """Run all contenders, print the tables, and keep the raw numbers."""
    machine, progress = describe("tensorflow", "jax", "numpyro", "blackjax", "numpy"), interleave.Progress(len(plans))
    click.echo(f"{lines(machine)}\n{draws} draws of all chains together, {warm_up} steps of warm-up, {rounds} rounds")
    found: dict[Plan, Found] = {}
    with ExitStack() as stack:
        workers = []
        for name in names:
            script, *arguments = CONTENDERS[name]
            workers.append(interleave.Worker(name, str(HERE / script), *arguments, environment=ONE_THREAD))
            stack.callback(workers[-1].close)
        for scale, form, chains in plans:
            cells = [mixing_cells.cell(scale, form, chains, draws // chains, warm_up, seed) for seed in range(rounds)]
            say = progress.of({"form": form, "scale": f"{scale:g}", "chains": f"{chains} chains"})
            found[scale, form, chains] = by_turns(workers, cells, say)
            if file:
                kept = [{"scale": s, "form": f, "chains": c, "answers": of} for (s, f, c), of in found.items()]
                file.write_text(json.dumps({"machine": machine, "rounds": rounds, "cells": kept}))
    report(found)


@click.command(help=__doc__.split("\n")[0])
@click.option("--contenders", default=",".join(CONTENDERS), show_default=True)
@click.option("--scales", default="1,0.3,0.1,0.03", show_default=True, help="σ of the first table.")
@click.option("--chains", default="32,128,512", show_default=True, help="The first table has the first of them.")
@click.option("--draws", default=64_000, show_default=True, help="Of all chains together.")
@click.option("--warm-up", default=500, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="Each with a seed of its own.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Keep the raw numbers.")
@click.option("--work", default=None, hidden=True)
def main(scales: str, chains: str, contenders: str, **how: Any) -> None:
    if name := how.pop("work"):
        return work(name)
    names, numbers = contenders.split(","), [int(text) for text in chains.split(",")]
    if unknown := set(names) - set(CONTENDERS):
        raise click.UsageError(f"unknown contenders {', '.join(sorted(unknown))}: choose from {', '.join(CONTENDERS)}")
    if set(names) & set(JAX) and not (find_spec("numpyro") and find_spec("blackjax")):
        raise click.ClickException("NumPyro or BlackJAX is missing: pip install -e '.[bench]', or --contenders ours")
    plans = [(float(text), form, numbers[0]) for text in scales.split(",") for form in FORMS]
    plans += [plan for number in numbers if (plan := (SPEED, "auxiliary", number)) not in plans]
    measure(names, plans, **how)


if __name__ == "__main__":
    main()
