"""M1 and M2 in PyTorch, as a good PyTorch user would write them: nn.Linear, no distributions, nothing computed twice.

Each has a `loss` of one minibatch, without the prior on the weights; `torch_steps.py` trains them.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
import torch.nn.functional as F
from cells import ALPHA, FLOOR, LABELLED, ROWS, Sizes
from torch import Tensor, nn

RANGE = (-15.0, 15.0)  # of log-variances


class Network(nn.Module):
    """Linear layers with softplus between; the rows of `classes` are added to the first layer's output."""

    def __init__(self, features: int, hidden: tuple[int, ...], outputs: int, classes: int = 0) -> None:
        super().__init__()
        widths = [features, *hidden, outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.classes = nn.Parameter(0.05 * torch.randn(classes, widths[1])) if classes else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return float32 outputs; y [B] are classes, or [K, 1] all of them: W x is then computed once, not K times."""
        h = self.layers[0](x)
        h = h if y is None else h + F.embedding(y, self.classes)
        for layer in self.layers[1:]:
            h = layer(F.softplus(h))
        return h.float()  # under autocast the products alone are bfloat16


def draw(mean: Tensor, log_variance: Tensor, noise: bool) -> Tensor:
    """Draw from N(mean, exp log_variance), or return the mean."""
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean) if noise else mean


def bernoulli(x: Tensor, h: Tensor) -> Tensor:
    """Return log p(x | h), pixels summed."""
    return (x * h - F.softplus(h)).sum(-1)


def gaussian(x: Tensor, h: Tensor) -> Tensor:
    """Return log p(x | h), columns summed; h are means and log-variances."""
    mean, free = h.chunk(2, -1)
    log_variance = (FLOOR + F.softplus(free - FLOOR)).clamp(*RANGE)
    return -0.5 * ((x - mean).square() * torch.exp(-log_variance) + log_variance + math.log(2.0 * math.pi)).sum(-1)


class M1(nn.Module):
    """p(z) p(x | z) and q(z | x)."""

    def __init__(self, sizes: Sizes, noise: bool = True) -> None:
        super().__init__()
        self.noise, self.likelihood = noise, bernoulli if sizes.outputs == sizes.features else gaussian
        self.encoder = Network(sizes.features, sizes.hidden, 2 * sizes.latent, sizes.classes)
        self.decoder = Network(sizes.latent, sizes.hidden[::-1], sizes.outputs, sizes.classes)

    def observe(self, rows: Any, index: Tensor) -> Tensor:
        """Gather a minibatch: pixels drawn from grey levels, or z1 from its posterior."""
        if isinstance(rows, tuple):
            return draw(*[part[index] for part in rows], self.noise)
        grey = rows[index]
        return (torch.rand_like(grey) < grey).to(grey.dtype) if self.noise else grey

    def bound(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the lower bound of log p(x | y), [..., B]."""
        mean, log_variance = self.encoder(x, y).chunk(2, -1)
        log_variance = log_variance.clamp(*RANGE)
        divergence = 0.5 * (mean.square() + torch.exp(log_variance) - log_variance - 1.0).sum(-1)
        return self.likelihood(x, self.decoder(draw(mean, log_variance, self.noise), y)) - divergence

    def loss(self, rows: Any, y: Tensor, labelled: Tensor, unlabelled: Tensor) -> Tensor:
        """Return -U; labels are not used."""
        del y, labelled
        return -self.bound(self.observe(rows, unlabelled)).mean()


class M2(M1):
    """p(y) p(z) p(x | y, z), q(y | x) and q(z | x, y)."""

    def __init__(self, sizes: Sizes, noise: bool = True) -> None:
        super().__init__(sizes, noise)
        self.classifier = Network(sizes.features, sizes.hidden, sizes.classes)
        self.log_prior = -math.log(sizes.classes)
        self.register_buffer("every", torch.arange(sizes.classes)[:, None])

    def loss(self, rows: Any, y: Tensor, labelled: Tensor, unlabelled: Tensor) -> Tensor:
        """Return −[ N_l/N · mean L + N_u/N · mean U ] + α · CE."""
        x, other, y = self.observe(rows, labelled), self.observe(rows, unlabelled), y[labelled]
        logits, others = self.classifier(torch.cat([x, other])).split([len(x), len(other)])
        log_q = F.log_softmax(others, -1).t()  # [K, B]
        known = self.bound(x, y) + self.log_prior
        unknown = (log_q.exp() * (self.bound(other, self.every) + self.log_prior - log_q)).sum(0)
        share = LABELLED / ROWS
        return -share * known.mean() - (1.0 - share) * unknown.mean() + ALPHA * F.cross_entropy(logits, y)
