"""Faults put into the learning code, one at a time, and whether the tests find them.

A seeded sample of the mutants of the files below; for each, the quick tests that run the changed line, until one fails.
Results are kept in `build/mutants/`: a run that was cut off goes on, and later runs try again what survived. Survivors
that cannot be found, because they change nothing that a user could see, are listed with the reason in
`mutants_without_effect.yaml`. Of the tools for this, cosmic-ray imports TensorFlow anew for every mutant and runs one
list of tests for all, and mutmut forks a process that has run the tests, which TensorFlow does not survive.

    python benchmarks/mutants.py
    python benchmarks/mutants.py --count 50 --seed 1
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import mutant_runs
import yaml
from mutant_runs import BUILD, TREE
from mutation import Mutant, mutants

SOURCES = (
    "ssvae/objective.py",
    "ssvae/gradients/*.py",
    "ssvae/inference/*.py",
    "ssvae/training/*.py",
    "ssvae/estimator/persistence.py",
    "ssvae/backend/array_files.py",
)
TESTS = (
    "tests/test_objective*.py",
    "tests/gradients/test_*.py",
    "tests/inference/test_*.py",
    "tests/training/test_*.py",
    "tests/models/test_sbn.py",
    "tests/estimator/test_persistence.py",
    "tests/backend/test_array_files.py",
)
ENOUGH = 120.0  # seconds of CPU, without a fault, of the tests that one mutant has to survive
RESULTS = BUILD / "results.jsonl"
WITHOUT_EFFECT = Path(__file__).with_name("mutants_without_effect.yaml")

Tests = dict[str, dict[str, Any]]  # what `Record` says


def files(patterns: Iterable[str], tree: Path) -> list[str]:
    """Return the files of a tree that fit."""
    return [str(path.relative_to(tree)) for each in patterns for path in sorted(tree.glob(each))]


def sample(found: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """Choose mutants at random, each by its own hash: those that other edits leave alone stay chosen."""
    return sorted(found, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest())[:count]


def recorded(sources: list[str]) -> Tests:
    """Return what every test runs and how long it takes; test files that have changed are run again for it."""
    path = BUILD / "recorded.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    tests: Tests = {}
    for name in files(TESTS, TREE):
        digest = hashlib.sha256((TREE / name).read_bytes()).hexdigest()
        if kept.get(name, {}).get("digest") != digest:
            outcome = mutant_runs.forked([name], mutant_runs.Record(sources))
            if outcome.code:
                raise SystemExit(f"{name} fails without a fault (code {outcome.code}): see {BUILD / 'output.txt'}")
            print(f"{name}: {len(outcome.said)} tests, {outcome.seconds:.0f} s", flush=True)
            kept[name] = {"digest": digest, "tests": outcome.said}
            path.write_text(json.dumps(kept))
        tests |= kept[name]["tests"]
    return tests


def chosen(mutant: Mutant, source: bytes, tests: Tests) -> list[str]:
    """Return the tests to run, in order: of those that run the changed lines, those first that run little else."""
    text = [line.strip() for line in source.decode().splitlines()]
    lines = {f"{mutant.path}: {line}" for line in text[mutant.first - 1 : mutant.last]}
    running = [name for name, test in tests.items() if not lines.isdisjoint(test["lines"])]
    if not running:  # lines that an import runs: any test that runs the file
        start = f"{mutant.path}: "
        running = [name for name, test in tests.items() if any(line.startswith(start) for line in test["lines"])]
    order, total = [], 0.0
    for name in sorted(running, key=lambda name: (len(tests[name]["lines"]), tests[name]["seconds"])):
        total += tests[name]["seconds"]
        if total <= ENOUGH or not order:
            order.append(name)
    return order


def tried(mutant: Mutant, tests: Tests) -> dict[str, Any]:
    """Put a mutant into the copy of the checkout, run tests, and return the result."""
    path = TREE / mutant.path
    source = path.read_bytes()
    names = chosen(mutant, source, tests)
    limit = 20.0 + 3.0 * sum(tests[name]["seconds"] for name in names)
    outcome = mutant_runs.Outcome(0, 0.0, None)  # of no test at all
    if names:
        path.write_bytes(mutant.applied(source))
        try:
            outcome = mutant_runs.forked(
                sorted({name.split("::")[0] for name in names}), mutant_runs.Choose(names), limit
            )
        finally:
            path.write_bytes(source)
    ends = {0: "survived", 1: "killed", 2: "killed"}
    return {
        "key": mutant.key,
        "line": mutant.first,
        "result": ends.get(outcome.code, "killed" if outcome.code < 0 else f"code {outcome.code}"),
        "by": outcome.said if outcome.code >= 0 else "time limit",
        "tests": len(names),
        "seconds": round(outcome.seconds, 1),
    }


def results() -> dict[str, dict[str, Any]]:
    """Return the last result of each mutant."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else ()
    return {result["key"]: result for result in map(json.loads, lines)}


def report(known: list[dict[str, Any]], wanted: int) -> None:
    """Print how many were found, and every survivor with its reason."""
    reasons = yaml.safe_load(WITHOUT_EFFECT.read_text()) if WITHOUT_EFFECT.exists() else {}
    alive = [result for result in known if result["result"] != "killed"]
    seen = len(known) - sum(result["key"] in reasons for result in alive)  # those that somebody could see
    seconds = sum(result["seconds"] for result in known)
    print(f"{len(known)} of {wanted} mutants run, {len(known) - seen} of them without effect; of the others")
    print(f"{(len(known) - len(alive)) / max(seen, 1):.1%} were found; {seconds / 3600:.1f} CPU-hours")
    for result in alive:
        print(f"{result['result']}, line {result['line']}: {result['key']}")
        print(f"    {reasons.get(result['key'], 'NO REASON GIVEN')} ({result['tests']} tests)")


@click.command(help=__doc__.split("\n")[0])
@click.option("--count", default=200, help="Mutants in the sample.")
@click.option("--seed", default=0, help="Of the sample.")
@click.option("--hours", default=4.0, help="Stop after these CPU-hours; the next run goes on.")
def main(count: int, seed: int, hours: float) -> None:
    os.nice(15)
    mutant_runs.copy_checkout()
    mutant_runs.import_tensorflow()
    sources = files(SOURCES, TREE)
    every = [mutant for path in sources for mutant in mutants(path, (TREE / path).read_bytes())]
    wanted = sample(every, count, seed)
    reasons = yaml.safe_load(WITHOUT_EFFECT.read_text()) if WITHOUT_EFFECT.exists() else {}
    tests, known, spent = recorded(sources), results(), 0.0
    for mutant in wanted:
        before = known.get(mutant.key)
        if spent > 3600 * hours or (before and (before["result"] == "killed" or mutant.key in reasons)):
            continue
        known[mutant.key] = result = tried(mutant, tests)
        spent += result["seconds"]
        with RESULTS.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(f"{result['result']} ({result['seconds']} s) {result['key']}", flush=True)
    report([known[mutant.key] for mutant in wanted if mutant.key in known], len(wanted))


if __name__ == "__main__":
    main()
