"""Predictions of the cost model of `step_cost.py` for other hardware: tables, a simulation, a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import step_cost
from cells import BATCHES, SIZES
from step_cost import FLOAT, Device, parameters

ADAM = 7 * FLOAT  # bytes a parameter: weight, gradient and two moments read, weight and moments written
FAR = (2, 8, 32, 100)
COUNTS = {"GPUs of one machine": (2, 4, 8), "workers with a GPU": FAR, "workers of one core": FAR}
NAMES = {"m1": "M1", "m2": "M2", "m1_m2": "M1+M2, stage 2"}
SIMULATED = 500  # steps


def sheets(given: dict[str, Any]) -> dict[str, Device]:
    """Return the devices with rates from data sheets; `given` are the options of `devices.py`."""
    share, spread = given["share"], given["spread"]
    rates = (given["kernels"] * given["launch"], 2 / (share * given["flops"]), ADAM / (share * given["memory"]))
    return {
        "GPUs of one machine": Device(*rates, 0.0, share * given["link"], given["gpu_hop"], spread),
        "workers with a GPU": Device(*rates, 0.0, given["network"], given["hop"], spread),
    }


def cores(own: Any, devices: Any, processes: Any, given: dict[str, Any]) -> dict[str, Device]:
    """Return workers of one core like those measured, from what `devices_report.report` returns.

    The cost of a replica without messages is that of two logical devices; the rest of the cost of two processes is
    attributed to messages, two hops.
    """
    replica, message = float(max(devices[0], 0)), float(max(processes[0] - devices[0], 0)) / 2
    byte = 1 / given["network"] + float(max(processes[1], 0))
    return {"workers of one core": Device(*map(float, own), replica, 1 / byte, given["hop"] + message, given["spread"])}


def report(kinds: dict[str, Device]) -> None:
    """Print everything but the picture."""
    simulation(kinds)
    for kind, device in kinds.items():
        predictions(kind, device)


def simulation(kinds: dict[str, Device]) -> None:
    """Print E[max] beside simulated rings: with late devices alone, as in the formula, and with late messages, too."""
    click.echo(
        f"\nSteps of M2, 100 rows a device: simulated ({SIMULATED} steps) / formula; where hops are as uneven, too"
    )
    rng = np.random.default_rng(0)
    for kind, device in kinds.items():
        for count in COUNTS[kind][-1:]:
            formula = step_cost.seconds(device, "m2", 100 * count, count) - device.replica
            one = step_cost.seconds(device, "m2", 100, 1)
            hop = step_cost.ring(FLOAT * parameters("m2"), count, device.bandwidth, device.hop) / (2 * (count - 1))
            uneven = partial(rng.lognormal, -(device.spread**2) / 2, device.spread)
            starts = one * uneven((SIMULATED, count))
            even = step_cost.simulate(starts, np.full((1, 2 * (count - 1), 1), hop)).mean()
            late = step_cost.simulate(starts, hop * uneven((SIMULATED, 2 * (count - 1), count))).mean()
            click.echo(f"  {count} {kind}: {even / formula:.3f}; {late / formula:.3f}")


def predictions(kind: str, device: Device) -> None:
    """Print speed-ups of a fixed batch (strong scaling) and efficiencies of one that grows with n (weak scaling)."""
    counts = COUNTS[kind]
    click.echo(f"\n{kind}: {', '.join(f'{name} {value:.3g}' for name, value in device._asdict().items())}")
    click.echo(
        f"  n = {counts}: step of one device; speed-up, batch fixed; quickest n; without stragglers; efficiency, "
        "batch n times as large"
    )
    for model in SIZES:
        for batch in BATCHES:
            of = partial(step_cost.seconds, device, model)
            strong = " ".join(f"{of(batch, 1) / of(batch, n):5.2f}" for n in counts)
            weak = " ".join(f"{of(batch, 1) / of(batch * n, n):4.0%}" for n in counts)
            quickest = step_cost.best(device, model, batch, counts[-1])
            turn = step_cost.turning_point(device, model, batch)
            click.echo(
                f"  {NAMES[model]:>14} {batch:>4}: {1e3 * of(batch, 1):8.2f} ms; {strong}; "
                f"{quickest:3}; {turn:5.1f}; {weak}"
            )


def draw(kinds: dict[str, Device], out: Path) -> None:
    """Draw speed-ups against the number of devices, for a fixed batch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    from ssvae.plots.run_figures import save

    figure = Figure(figsize=(10.5, 3.6), layout="constrained", dpi=100)
    styles = dict(zip(BATCHES, ("-", "--", ":"), strict=True))
    for axes, (kind, device) in zip(figure.subplots(1, len(kinds)), kinds.items(), strict=True):
        counts = np.arange(1, COUNTS[kind][-1] + 1)
        for color, model in zip(("tab:blue", "tab:orange", "tab:green"), SIZES, strict=True):
            for batch, style in styles.items():
                times = [step_cost.seconds(device, model, batch, int(count)) for count in counts]
                label = f"{NAMES[model]}, {batch}" if axes is figure.axes[0] else None
                axes.plot(counts, times[0] / np.array(times), style, color=color, linewidth=1.4, label=label)
        axes.axhline(1.0, color="0.7", linewidth=0.8)
        axes.set(title=kind, xlabel="devices", xscale="log", yscale="log")
        axes.minorticks_off()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("speed-up, batch fixed")
    figure.legend(loc="outside right center", frameon=False, fontsize=8, title="model, rows")
    save(figure, out)
