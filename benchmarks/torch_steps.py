"""Training steps in PyTorch: the worker of `steps.py` that this package is compared with.

Rows are resident, a minibatch is gathered by the step's index, the norm of the gradient is clipped and Adam is the
fused one. `--compile` compiles loss and gradient with torch.compile, `--bfloat16` autocasts the products.

    python benchmarks/steps.py
"""

from __future__ import annotations

import os
from typing import Any

import click
import interleave
import numpy as np
import torch
import torch._inductor.config
from cells import CLIP_NORM, LABELLED, LEARNING_RATE, ROWS, SIZES, rows
from torch import Tensor, nn
from torch_models import M1, M2


def build(model: str, noise: bool = True) -> M1:
    """Return a newly initialised model."""
    return (M2 if SIZES[model].classes else M1)(SIZES[model], noise)


class Stream:
    """Reshuffled passes over some of the rows."""

    def __init__(self, first: int, last: int, batch: int) -> None:
        self.first, self.last, self.batch, self.left = first, last, batch, torch.empty(0, dtype=torch.int64)

    def __next__(self) -> Tensor:
        """Return the rows of the next minibatch."""
        while len(self.left) < self.batch:
            fresh = self.first + torch.randperm(self.last - self.first)
            self.left = torch.cat([self.left, fresh])
        index, self.left = self.left[: self.batch], self.left[self.batch :]
        return index


class Trainer:
    """Steps of one model.

    Parameters
    ----------
    model : M1
    data : nest of Tensor
        Rows [N, ...] and classes [N].
    compiled, bfloat16 : bool
    """

    def __init__(self, model: M1, data: tuple[Any, Tensor], compiled: bool = False, bfloat16: bool = False) -> None:
        self.model, self.data, self.bfloat16 = model, data, bfloat16
        self.weights = list(model.parameters())
        matrices = [weight for weight in self.weights if weight.ndim == 2]
        biases = [weight for weight in self.weights if weight.ndim < 2]
        # The gradient of the prior ½ Σ w²/N on the weight matrices is weight decay, and costs nothing there.
        self.groups = [{"params": matrices, "weight_decay": 1.0 / ROWS}, {"params": biases, "weight_decay": 0.0}]
        self.optimizer = torch.optim.Adam(self.groups, lr=LEARNING_RATE, eps=1e-7, fused=True)
        self.loss = torch.compile(self._loss, dynamic=False) if compiled else self._loss

    def _loss(self, labelled: Tensor, unlabelled: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self.model.loss(*self.data, labelled, unlabelled)

    def step(self, labelled: Tensor, unlabelled: Tensor) -> Tensor:
        """Take one step and return the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(labelled, unlabelled)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, CLIP_NORM)
        self.optimizer.step()
        return loss.detach()


def tensors(model: str) -> tuple[Any, Tensor]:
    """Return the synthetic rows as tensors."""
    x, y = rows(model)
    arrays = tuple(torch.from_numpy(part) for part in x) if isinstance(x, tuple) else torch.from_numpy(x)
    return arrays, torch.from_numpy(y)


@click.command()
@click.option("--compile", "compiled", is_flag=True)
@click.option("--bfloat16", is_flag=True)
def main(compiled: bool, bfloat16: bool) -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)

    def prepare(cell: dict[str, Any]) -> interleave.Run:
        torch.manual_seed(0)
        torch._dynamo.reset()  # compiled shapes of the last cell would make this cell's dynamic
        torch._inductor.config.fallback_random = True  # ATen's random numbers are a little quicker than Inductor's
        trainer = Trainer(build(cell["model"]), tensors(cell["model"]), compiled, bfloat16)
        first = LABELLED if SIZES[cell["model"]].classes else 0
        labelled, unlabelled = Stream(0, first, cell["batch"] if first else 0), Stream(first, ROWS, cell["batch"])

        def run(count: int) -> None:
            losses = [trainer.step(next(labelled), next(unlabelled)) for _ in range(count)]
            if not np.isfinite(torch.stack(losses).numpy()).all():
                raise FloatingPointError("the loss is not finite")

        run(3)
        return run

    interleave.serve(prepare)


if __name__ == "__main__":
    main()
