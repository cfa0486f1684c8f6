"""Table of the data sets; `ssvae.datasets.load.load_dataset` loads one by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssvae.registry import LazyTable, lazy_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssvae.types import Dataset

DATASETS: LazyTable[Callable[..., Dataset]] = LazyTable(
    "dataset",
    {
        "binarized_mnist": "ssvae.datasets.binarized_mnist:load",
        "cifar10": "ssvae.datasets.cifar10:load",
        "digits": "ssvae.datasets.digits:load",
        "fashion_mnist": "ssvae.datasets.fashion_mnist:load",
        "mnist": "ssvae.datasets.mnist:load",
        "newsgroups": "ssvae.datasets.newsgroups:load",
        "norb": "ssvae.datasets.norb:load",
        "rcv1": "ssvae.datasets.rcv1:load",
        "svhn": "ssvae.datasets.svhn:load",
    },
)

__getattr__, __dir__ = lazy_names(
    __name__, {"Dataset": "ssvae.types:Dataset", "load_dataset": "ssvae.datasets.load:load_dataset"}
)
