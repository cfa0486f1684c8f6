"""Check that both sides of `steps.py` take the same steps: losses of a few steps from the same weights, without noise.

python benchmarks/steps.py --check
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch_steps
from ours import Steps
from torch_models import M1, Network

STEPS, TOLERANCE = 5, 1e-4


def agree(cell: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the losses of both sides and the greatest relative difference."""
    ours = Steps(cell, noise=False)
    theirs = torch_steps.Trainer(torch_steps.build(cell["model"], noise=False), torch_steps.tensors(cell["model"]))
    copy(ours.program.model, theirs.model)
    labelled, unlabelled = (torch.from_numpy(order).long() for order in ours.orders(STEPS))
    pairs = zip(labelled, unlabelled, strict=True)
    found = np.array([float(prior(theirs) + theirs.step(*pair)) for pair in pairs])
    losses = ours(STEPS)
    return losses, found, float(np.max(np.abs(losses - found) / np.abs(losses)))


def prior(trainer: torch_steps.Trainer) -> torch.Tensor:
    """Return ½ Σ w²/N, which the package adds, at the weights before a step, to the loss it reports."""
    with torch.no_grad():
        return sum(0.5 * group["weight_decay"] * w.square().sum() for group in trainer.groups for w in group["params"])


def copy(model: Any, into: M1) -> None:
    """Give the networks of a torch model the weights of this package's model."""
    with torch.no_grad():
        for name in ("encoder", "decoder", "classifier"):
            if hasattr(into, name):
                _copy(getattr(model, name), getattr(into, name))


def _copy(network: Any, into: Network) -> None:
    kernels = [network.first[0], *network.kernels]
    for layer, kernel, bias in zip(into.layers, kernels, network.biases, strict=True):
        layer.weight.copy_(torch.from_numpy(np.array(kernel)).t())
        layer.bias.copy_(torch.from_numpy(np.array(bias)))
    if into.classes is not None:
        into.classes.copy_(torch.from_numpy(np.array(network.first[1])))
