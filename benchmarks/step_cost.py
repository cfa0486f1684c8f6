"""Cost model of a training step on n devices that share its rows; nothing is measured here.

    t(n) = E[max of n] · (fixed + multiply_add · W(B/n) + parameter · P) + replica + ring(4 P, n)

W is the number of multiply-adds in the matrix products of B/n rows (`products.py`), P the number of parameters, 4 P the
bytes of their gradients. Devices wait for the slowest: E[max of n] is the mean of the largest of n step times, each
with mean 1.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from cells import SIZES
from products import multiply_adds, products
from scipy import integrate, stats

FLOAT = 4  # bytes


class Device(NamedTuple):
    """A kind of device and its links to others."""

    fixed: float  # seconds of a step, whatever is in it
    multiply_add: float  # seconds
    parameter: float  # seconds of the optimizer
    replica: float  # seconds of a step more as soon as there are several
    bandwidth: float  # bytes a second from each device to the next
    hop: float  # seconds from a device to the next for no bytes at all
    spread: float = 0.0  # standard deviation of the logarithm of step times


def parameters(model: str) -> int:
    """Return the number of weights and biases of a cell's networks, those of classes that are looked up included.

    >>> parameters("m1_m2")
    191710
    """
    sizes = SIZES[model]
    inputs = [(sizes.features, *sizes.hidden, 2 * sizes.latent), (sizes.latent, *sizes.hidden[::-1], sizes.outputs)]
    if sizes.classes:
        inputs.append((sizes.features, *sizes.hidden, sizes.classes))
    whole = sum(int(np.dot(widths[:-1], widths[1:])) + sum(widths[1:]) for widths in inputs)
    return whole + 2 * sizes.classes * sizes.hidden[0]


def work(model: str, rows: float) -> float:
    """Return the multiply-adds of a step with `batch` rows of each stream; they are linear in the rows."""
    return rows * multiply_adds(products(model, 1))


def ring(size: float, devices: int, bandwidth: float, hop: float) -> float:
    """Return the seconds in which n devices in a ring add up `size` bytes: 2 (n - 1) hops of size / n bytes each."""
    return 2 * (devices - 1) * (size / devices / bandwidth + hop)


def expected_maximum(times: Any, count: int) -> float:
    """Return E[max of `count`] = ∫ 1 - F(t)^count dt of independent draws of a positive distribution of scipy.stats."""
    top = times.isf(1e-14)
    return float(integrate.quad(lambda t: -np.expm1(count * times.logcdf(t)), 0.0, top, limit=400)[0])


@cache
def lateness(spread: float, count: int) -> float:
    """Return E[max of `count`] lognormal times of mean 1; `spread` is the standard deviation of their logarithms."""
    if spread == 0 or count == 1:
        return 1.0
    return expected_maximum(stats.lognorm(spread, scale=np.exp(-(spread**2) / 2)), count)


def seconds(device: Device, model: str, batch: int, count: int) -> float:
    """Return the seconds of a step in which `count` devices share `batch` rows; the largest share counts."""
    own = device.fixed + device.multiply_add * work(model, -(-batch // count)) + device.parameter * parameters(model)
    if count == 1:
        return own
    joined = ring(FLOAT * parameters(model), count, device.bandwidth, device.hop)
    return lateness(device.spread, count) * own + device.replica + joined


def best(device: Device, model: str, batch: int, most: int) -> int:
    """Return the number of devices up to `most` with the shortest step: beyond it, steps get slower."""
    return 1 + int(np.argmin([seconds(device, model, batch, count) for count in range(1, most + 1)]))


def turning_point(device: Device, model: str, batch: int) -> float:
    """Return n where t(n) without stragglers and whole rows is smallest: √((v - 2 b) / (2 hop)), 0 if v < 2 b.

    v are the seconds of all rows' products, b those of the gradients' bytes over one link: 2 b (n - 1) / n rises, v / n
    falls, 2 hop (n - 1) rises.
    """
    falls = device.multiply_add * work(model, batch) - 2 * FLOAT * parameters(model) / device.bandwidth
    return float(np.sqrt(max(falls, 0.0) / (2 * device.hop)))


def fit(columns: Any, measured: Any, scale: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients of the columns [n, k] and their standard errors, by least squares.

    Errors are weighted by 1 / `scale`, by default the measured values: relative errors count.
    """
    y = np.asarray(measured, float)
    weights = 1 / (y if scale is None else np.asarray(scale, float))
    a, y = np.asarray(columns, float) * weights[:, None], y * weights
    unit = np.linalg.norm(a, axis=0)  # beside columns of 1 stand some of 1e9
    found = np.linalg.lstsq(a / unit, y, rcond=None)[0]
    variance = np.square(a / unit @ found - y).sum() / (len(y) - len(found))
    return found / unit, np.sqrt(variance * np.diag(np.linalg.inv((a / unit).T @ (a / unit)))) / unit


def simulate(starts: np.ndarray, hops: np.ndarray) -> np.ndarray:
    """Return when the last device has the sum: each hop waits for the device and for the one before it.

    Parameters
    ----------
    starts : ndarray [steps, n]
        When each device has its gradients.
    hops : ndarray [steps, 2 (n - 1), n]
        Seconds of each hop into each device.
    """
    ready = starts
    for hop in np.moveaxis(hops, 1, 0):
        ready = np.maximum(ready, np.roll(ready, 1, axis=1)) + hop
    return ready.max(axis=1)
