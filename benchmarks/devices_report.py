"""Report of `devices.py`: the measurements, the fitted model, and its errors on held-out batches."""

from __future__ import annotations

from typing import Any

import click
import machine
import numpy as np
import step_cost
from interleave import spread
from step_cost import FLOAT, parameters, work

UNITS = ("ms a step", "ps a multiply-add", "ns a parameter")


def report(found: dict[str, Any], held_out: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Print the report; return the coefficients of `alone`, and those of `added` for devices and for processes.

    Parameters
    ----------
    found : dict
        The measurements that `devices.measure` keeps.
    held_out : list of int
        Batch sizes that are not fitted.
    """
    click.echo(machine.lines(found["machine"]))
    for step in found["steps"]:
        step.update({name: spread(answers, "cpu").median / 1e3 for name, answers in step["answers"].items()})
    click.echo("\nCPU milliseconds of a step, medians: one process; two logical devices; two processes together")
    for step in found["steps"]:
        numbers = "  ".join(f"{1e3 * step[name]:8.2f}" for name in step["answers"])
        click.echo(f"  {step['model']:>6} {step['batch']:>4}  {numbers}" + "  held out" * (step["batch"] in held_out))
    sum_alone(found["sums"])
    return fitted(found["steps"], held_out)


def alone(model: str, rows: float) -> list[float]:
    """Return the factors of the coefficients in the cost of a step on one device."""
    return [1.0, work(model, rows), parameters(model)]


def fitted(steps: list[dict[str, Any]], held_out: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Print the model and its errors; return its coefficients, those of each of two devices, and of two processes."""
    seen = [step for step in steps if step["batch"] not in held_out]
    own, errors = step_cost.fit([alone(s["model"], s["batch"]) for s in seen], [s["one"] for s in seen])
    click.echo("\nFitted, CPU time ± standard error")
    for what, factor, value, error in zip(UNITS, (1e3, 1e12, 1e9), own, errors, strict=True):
        click.echo(f"  one device: {factor * value:.2f} ± {factor * error:.2f} {what}")
    whole = {"one": [float(own @ alone(s["model"], s["batch"])) for s in steps]}
    more = {name: added(seen, name, own) for name in ("devices", "processes")}
    for name, values in more.items():
        whole[name] = [2 * float(own @ alone(s["model"], s["batch"] / 2) + values @ gradients(s)) for s in steps]
    check(steps, held_out, whole)
    return own, more["devices"], more["processes"]


def added(seen: list[dict[str, Any]], name: str, own: np.ndarray) -> np.ndarray:
    """Print and return the seconds, a step and a byte, that each of two replicas costs beyond its share of the rows."""
    two = np.array([s[name] for s in seen])
    rest = two / 2 - [own @ alone(s["model"], s["batch"] / 2) for s in seen]
    more, errors = step_cost.fit([gradients(s) for s in seen], rest, two / 2)
    click.echo(
        f"  each of two {name} beside that: {1e3 * more[0]:.2f} ± {1e3 * errors[0]:.2f} ms a step, "
        f"{1e9 * more[1]:.2f} ± {1e9 * errors[1]:.2f} ns a byte of gradients"
    )
    return more


def gradients(step: dict[str, Any]) -> list[float]:
    """Return the factors of the coefficients of `added`."""
    return [1.0, float(FLOAT * parameters(step["model"]))]


def check(steps: list[dict[str, Any]], held_out: list[int], predicted: dict[str, list[float]]) -> None:
    """Print relative errors of the predictions on held-out batches."""
    click.echo("\nRelative error of the prediction of what was held out")
    for name, values in predicted.items():
        pairs = [(s, value) for s, value in zip(steps, values, strict=True) if s["batch"] in held_out]
        errors = [value / s[name] - 1 for s, value in pairs]
        each = ", ".join(f"{s['model']} {s['batch']} {e:+.0%}" for (s, _), e in zip(pairs, errors, strict=True))
        click.echo(f"  {name}: mean {np.abs(errors).mean():.0%}, worst {np.abs(errors).max():.0%} ({each})")


def sum_alone(sums: list[dict[str, Any]]) -> None:
    """Print the cost of a sum over two processes for each of them; the middle size is held out."""
    sizes = [FLOAT * each["floats"] for each in sums]
    cpu = [spread(each["answers"]["processes"], "cpu").median / 2e3 for each in sums]
    wall = [spread(each["answers"]["processes"]).median for each in sums]
    middle = len(sums) // 2
    seen = [place for place in range(len(sums)) if place != middle]
    values, errors = step_cost.fit([[1.0, sizes[i]] for i in seen], [cpu[i] for i in seen])
    click.echo("\nA sum over two processes: bytes, CPU milliseconds of each, wall milliseconds on a busy machine")
    for size, own, both in zip(sizes, cpu, wall, strict=True):
        click.echo(f"  {size:>9}  {1e3 * own:.2f}  {both:.0f}")
    error = float(values @ [1.0, sizes[middle]]) / cpu[middle] - 1
    click.echo(
        f"  fitted: {1e3 * values[0]:.2f} ± {1e3 * errors[0]:.2f} ms a sum, "
        f"{1e9 * values[1]:.2f} ± {1e9 * errors[1]:.2f} ns a byte; {sizes[middle]} bytes, held out: {error:+.0%}"
    )
